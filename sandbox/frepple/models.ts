import { define, type ModelDefinition } from './schema.ts';

/**
 * The models of the app `input` as 9.17.0 serves them: fields in the order of the payload, the look-ups that its filters
 * know (all others are ignored), the order of lists and, for rows with a serial number, the natural key of an upsert.
 */
const definitions: Record<string, ModelDefinition> = {
  manufacturingorder: define('reference', {
    order: ['reference'],
    fields: `
      reference string; status enum(proposed|approved|confirmed|completed|closed); operation fk>operation;
      quantity decimal; quantity_completed decimal; startdate datetime; enddate datetime; batch string;
      criticality decimal RO; delay duration RO; plan json RO; owner fk>operationplan; source string;
      lastmodified datetime RO; resources list; materials list; demand fk>demand; forecast string RO`,
    filters: `
      [exact in contains] reference, batch, forecast; [exact in] status, operation, owner, source, demand;
      [exact in gt gte lt lte] quantity, quantity_completed, startdate, enddate, criticality, delay, lastmodified`,
  }),
  operation: define('name', {
    order: ['name'],
    fields: `
      name string; type enum(fixed_time|time_per|routing|alternate|split); description string; category string;
      subcategory string; item fk>item; location fk>location; fence duration; batchwindow duration;
      posttime duration; sizeminimum decimal; sizemultiple decimal; sizemaximum decimal; owner fk>operation;
      priority int; effective_start datetime; effective_end datetime; available fk>calendar; cost decimal;
      duration duration; duration_per duration; search enum(PRIORITY|MINCOST|MINPENALTY|MINCOSTPENALTY);
      source string; lastmodified datetime RO`,
    filters: `
      [exact in contains] name, category, subcategory;
      [exact in] type, location, item, search, owner, available, source;
      [exact in gt gte lt lte] posttime, fence, sizeminimum, sizemultiple, sizemaximum, cost, batchwindow, duration, duration_per, priority, effective_start, effective_end, lastmodified`,
  }),
  suboperation: define('id', {
    order: ['operation', 'priority', 'suboperation'],
    natural: ['operation', 'suboperation', 'effective_start'],
    fields: `
      id int RO; operation fk>operation; priority int; suboperation fk>operation; effective_start datetime;
      effective_end datetime; source string; lastmodified datetime RO`,
    filters: `
      [exact in gt gte lt lte] id, priority, effective_start, effective_end, lastmodified;
      [exact in] operation, suboperation, source`,
  }),
  operationdependency: define('id', {
    order: ['operation', 'blockedby'],
    natural: ['operation', 'blockedby'],
    fields: `
      id int RO; operation fk>operation; blockedby fk>operation; quantity decimal; safety_leadtime duration;
      hard_safety_leadtime duration; source string; lastmodified datetime RO`,
    filters: `
      [exact in gt gte lt lte] id, quantity, safety_leadtime, hard_safety_leadtime, lastmodified;
      [exact in] operation, blockedby, source`,
  }),
  operationresource: define('id', {
    order: [],
    natural: ['operation', 'resource', 'effective_start'],
    fields: `
      id int RO; operation fk>operation; resource fk>resource; skill fk>skill; quantity decimal;
      quantity_fixed decimal; effective_start datetime; effective_end datetime; name string; priority int;
      setup string; search enum(PRIORITY|MINCOST|MINPENALTY|MINCOSTPENALTY); source string;
      lastmodified datetime RO`,
    filters: `
      
      [exact in gt gte lt lte] id, quantity, quantity_fixed, effective_start, effective_end, priority, lastmodified;
      [exact in] operation, resource, skill, source; [exact in contains] name; [exact contains] search`,
  }),
  operationmaterial: define('id', {
    order: [],
    natural: ['operation', 'item', 'effective_start'],
    fields: `
      id int RO; operation fk>operation; item fk>item; location fk>location; quantity decimal;
      quantity_fixed decimal; transferbatch decimal; offset duration; type enum(start|end|transfer_batch);
      effective_start datetime; effective_end datetime; name string; priority int;
      search enum(PRIORITY|MINCOST|MINPENALTY|MINCOSTPENALTY); source string; lastmodified datetime RO`,
    filters: `
      
      [exact in gt gte lt lte] id, quantity, quantity_fixed, transferbatch, offset, effective_start, effective_end, priority, lastmodified;
      [exact in] operation, item, location, type, source; [exact in contains] name; [exact contains] search`,
  }),
  resource: define('name', {
    order: ['name'],
    fields: `
      name string; description string; category string; subcategory string;
      type enum(default|buckets|buckets_day|buckets_week|buckets_month|infinite); maximum decimal;
      maximum_calendar fk>calendar; available fk>calendar; location fk>location; owner fk>resource; cost decimal;
      maxearly duration; setupmatrix fk>setupmatrix; setup string; efficiency decimal;
      efficiency_calendar fk>calendar; constrained bool; source string; lastmodified datetime RO;
      overloadcount int RO`,
    filters: `
      [exact in contains] name, description, category, subcategory;
      [exact in] type, location, owner, setupmatrix, efficiency_calendar, source;
      [exact in gt gte lt lte] maximum, maximum_calendar, available, cost, maxearly, efficiency, lastmodified, overloadcount;
      [exact] constrained`,
  }),
  resourceskill: define('id', {
    order: ['resource', 'skill'],
    natural: ['resource', 'skill'],
    fields: `
      id int RO; resource fk>resource; skill fk>skill; effective_start datetime; effective_end datetime;
      priority int; source string; lastmodified datetime RO`,
    filters: `
      [exact in gt gte lt lte] id, effective_start, effective_end, priority, lastmodified;
      [exact in] resource, skill, source`,
  }),
  skill: define('name', {
    order: ['name'],
    fields: `
      name string; source string; lastmodified datetime RO`,
    filters: `
      [exact in contains] name; [exact in] source; [exact in gt gte lt lte] lastmodified`,
  }),
  setupmatrix: define('name', {
    order: ['name'],
    fields: `
      name string; source string; lastmodified datetime RO`,
    filters: `
      [exact in contains] name; [exact in] source; [exact in gt gte lt lte] lastmodified`,
  }),
  setuprule: define('id', {
    order: ['priority'],
    natural: ['setupmatrix', 'priority'],
    fields: `
      id int RO; setupmatrix fk>setupmatrix; fromsetup string; tosetup string; priority int; duration duration;
      cost decimal; resource fk>resource`,
    filters: `
      [exact in contains] id; [exact in] setupmatrix, fromsetup, tosetup, resource;
      [exact in gt gte lt lte] priority, duration, cost`,
  }),
  demand: define('name', {
    order: ['name'],
    fields: `
      name string; description string; category string; subcategory string; item fk>item; customer fk>customer;
      location fk>location; due datetime; status enum(inquiry|quote|open|closed|canceled); operation fk>operation;
      quantity decimal; priority int; batch string; delay duration RO; plannedquantity decimal RO;
      deliverydate datetime RO; plan json RO; minshipment decimal; maxlateness duration; owner string;
      policy enum(independent|alltogether|inratio)`,
    filters: `
      [exact in contains] name, description, category, subcategory, batch;
      [exact in] item, customer, location, status, operation, owner;
      [exact in gt gte lt lte] due, quantity, priority, delay, plannedquantity, deliverydate, minshipment, maxlateness`,
  }),
  deliveryorder: define('reference', {
    order: ['reference'],
    fields: `
      reference string; status enum(proposed|approved|confirmed|completed|closed); demand fk>demand; item fk>item;
      location fk>location; quantity decimal; startdate datetime; enddate datetime; due datetime RO; batch string;
      delay duration RO; plan json RO; source string; lastmodified datetime RO; forecast string RO`,
    filters: `
      [exact in contains] reference, batch, forecast; [exact in] status, item, demand, location, source;
      [exact in gt gte lt lte] quantity, startdate, enddate, due, delay, lastmodified`,
  }),
  item: define('name', {
    order: ['name'],
    fields: `
      name string; owner fk>item; description string; category string; subcategory string; cost decimal;
      volume decimal; weight decimal; periodofcover int RO; uom string; type enum(make to stock|make to order);
      source string; lastmodified datetime RO; latedemandcount int RO; latedemandquantity decimal RO;
      latedemandvalue decimal RO; unplanneddemandcount int RO; unplanneddemandquantity decimal RO;
      unplanneddemandvalue decimal RO; demand_pattern string RO; adi decimal RO; cv2 decimal RO;
      outlier_1b decimal RO; outlier_6b decimal RO; outlier_12b decimal RO`,
    filters: `
      [exact in contains] name, description, category, subcategory, uom, demand_pattern;
      [exact in] owner, type, source;
      [exact in gt gte lt lte] cost, volume, weight, periodofcover, lastmodified, latedemandcount, latedemandquantity, latedemandvalue, unplanneddemandcount, unplanneddemandquantity, unplanneddemandvalue, adi, cv2, outlier_1b, outlier_6b, outlier_12b`,
  }),
  location: define('name', {
    order: ['name'],
    fields: `
      name string; owner fk>location; description string; category string; subcategory string;
      available fk>calendar; source string; lastmodified datetime RO`,
    filters: `
      [exact in contains] name, description, category, subcategory; [exact in] owner, source;
      [exact in gt gte lt lte] available, lastmodified`,
  }),
  customer: define('name', {
    order: ['name'],
    fields: `
      name string; owner fk>customer; description string; category string; subcategory string; source string;
      lastmodified datetime RO`,
    filters: `
      [exact in contains] name, description, category, subcategory; [exact in] owner, source;
      [exact in gt gte lt lte] lastmodified`,
  }),
  calendar: define('name', {
    order: ['name'],
    fields: `
      name string; description string; category string; subcategory string; defaultvalue decimal; source string;
      lastmodified datetime RO`,
    filters: `
      [exact in contains] name, description, category, subcategory;
      [exact in gt gte lt lte] defaultvalue, lastmodified; [exact in] source`,
  }),
  calendarbucket: define('id', {
    order: ['calendar', 'id'],
    natural: ['calendar', 'startdate', 'enddate', 'priority'],
    fields: `
      id int RO; calendar fk>calendar; startdate datetime; enddate datetime; value decimal; priority int;
      monday bool; tuesday bool; wednesday bool; thursday bool; friday bool; saturday bool; sunday bool;
      starttime time; endtime time; source string; lastmodified datetime RO`,
    filters: `
      [exact in gt gte lt lte] id, value, priority, startdate, enddate, starttime, endtime, lastmodified;
      [exact in] calendar, source; [exact] monday, tuesday, wednesday, thursday, friday, saturday, sunday`,
  }),
  buffer: define('id', {
    order: ['item', 'location', 'batch'],
    natural: ['item', 'location', 'batch'],
    fields: `
      id int RO; description string; category string; subcategory string; type enum(default|infinite);
      location fk>location; item fk>item; batch string; onhand decimal; minimum decimal;
      minimum_calendar fk>calendar; maximum decimal; maximum_calendar fk>calendar; min_interval duration;
      source string; lastmodified datetime RO`,
    filters: `
      
      [exact in gt gte lt lte] id, onhand, minimum, minimum_calendar, maximum, maximum_calendar, min_interval, lastmodified;
      [exact in contains] category, subcategory; [exact in] type, location, item, source; [exact contains] batch`,
  }),
  operationplanresource: define('id', {
    order: ['resource', 'operationplan'],
    natural: ['resource', 'operationplan'],
    fields: `
      id int RO; operationplan fk>operationplan; resource fk>resource; quantity decimal; startdate computed RO;
      enddate computed RO; status enum(proposed|confirmed|closed); setup string; source string;
      lastmodified datetime RO`,
    filters: `
      [exact in gt gte lt lte] id, quantity, status, setup, lastmodified;
      [exact in] operationplan, resource, source`,
  }),
  operationplanmaterial: define('id', {
    order: ['item', 'location', 'flowdate'],
    fields: `
      id int RO; operationplan fk>operationplan; item fk>item; location fk>location; quantity decimal;
      onhand decimal; flowdate datetime; status enum(proposed|confirmed|closed); source string;
      lastmodified datetime RO`,
    filters: `
      [exact in gt gte lt lte] id, item, location, quantity, onhand, flowdate, status, lastmodified;
      [exact in] operationplan, source`,
  }),
};

const { manufacturingorder } = definitions;

/** The model of that name; work orders have an endpoint of their own since 9.13 and the fields of manufacturing orders. */
export function modelOf(name: string): ModelDefinition | undefined {
  if (name === 'workorder') return manufacturingorder;
  return Object.hasOwn(definitions, name) ? definitions[name] : undefined;
}
