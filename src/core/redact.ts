const shortest = 4;

/** Replaces every secret in a text, in clear, Base64, URL-encoded and JSON-escaped form, by `[redacted]`. */
export type Redactor = (text: string) => string;

/**
 * Redaction is by value: wherever a secret turns up (an echoed header, an error page), it is caught.
 * Secrets shorter than four characters would blank out ordinary text and are left to the config check, which refuses them.
 */
export function createRedactor(secrets: readonly string[]): Redactor {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < shortest) continue;
    forms.add(secret);
    forms.add(Buffer.from(secret).toString('base64'));
    forms.add(encodeURIComponent(secret));
    forms.add(JSON.stringify(secret).slice(1, -1));
  }
  if (forms.size === 0) return (text) => text;
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.map(escapeRegExp).join('|'), 'g');
  return (text) => text.replace(pattern, '[redacted]');
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
