import { describe, expect, it } from 'vitest';
import { compileExpression } from '../../src/connectors/expression.ts';

const namesOf = async (text: string) => (await compileExpression(text)).names;

describe('the names that an expression reads', () => {
  it.each([
    ['SalesOrganization = "1710"', ['SalesOrganization']],
    ['$.Status', ['Status']],
    ['$$.Status', ['Status']],
    ['"Status".Text', ['Status']],
    ['`An odd name`', ['An odd name']],
    ['Customer.Name & ", " & Customer.City', ['Customer']],
    ['Items[Quantity > 1].Price', ['Items']],
    ['Items[Quantity > $$.Limit].Price', ['Items', 'Limit']],
    ['Items^(>Price)[0]', ['Items']],
    ['Items.{"price": Price}', ['Items']],
    ['Items{Kind: $sum(Price)}', ['Items']],
    ['$sum(Items.(Price * Quantity))', ['Items']],
    ['$.(Kind & Plant)', ['Kind', 'Plant']],
    ['$[Kind = "A"].Plant', ['Kind', 'Plant']],
    ['-Amount', ['Amount']],
    ['[First, Second..Third]', ['First', 'Second', 'Third']],
    ['{"key": Value}', ['Value']],
    ['Kind = "A" ? Yes : No', ['Kind', 'Yes', 'No']],
    ['Own ?? Other', ['Own', 'Other']],
    ['($limit := Limit; Amount > $limit)', ['Limit', 'Amount']],
    ['Text ~> $uppercase', ['Text']],
    ['$substringBefore(?, Separator)(Text)', ['Separator', 'Text']],
    ['$filter(Items, function($item) { $item > Limit })', ['Items', 'Limit']],
    ['$join(["one", "two"], Separator)', ['Separator']],
    ['"Status"', []],
    ['$number("1") in [1..3]', []],
  ])('%s: of the row %j', async (text, names) => {
    const { ofRow, doubtful, takesRow } = await namesOf(text);
    expect({ ofRow: [...ofRow].sort(), doubtful, takesRow }).toEqual({
      ofRow: [...names].sort(),
      doubtful: [],
      takesRow: false,
    });
  });

  it.each([
    ['$filter(Items, function($item) { $item.Price > 1 })', ['Price'], false],
    ['($row := $; $row.Kind)', ['Kind'], true],
    ['{"a": Kind}.a', ['a'], false],
    ['Items.%.Kind', ['Kind'], false],
    ['Items@$item.Kind', ['Kind'], false],
    ['Items ~> |Price|{"is": Net}|', ['Price', 'Net'], false],
    ['$lookup($, "Kind")', [], true],
    ['$string($$)', [], true],
    ['*.Price', [], true],
    ['**', [], true],
    ['Items.$lookup($, "Kind")', [], false],
  ])('%s: cannot be told %j, takes the whole row: %s', async (text, names, whole) => {
    const { ofRow, doubtful, takesRow } = await namesOf(text);
    expect({ doubtful: [...doubtful].sort(), takesRow }).toEqual({ doubtful: [...names].sort(), takesRow: whole });
    for (const name of names) expect(ofRow).not.toContain(name);
  });
});
