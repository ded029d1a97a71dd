/**
 * The rows of the simulated FrePPLe, stored in the form in which JSON shows them: decimals as text with eight digits,
 * durations as `[D ]HH:MM:SS[.ffffff]`, datetimes as naive local time (ISO-8601 text, which sorts by plain comparison).
 */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json | undefined };
export type Row = Record<string, Json>;

export type Status = 'proposed' | 'approved' | 'confirmed' | 'completed' | 'closed';

/** What the planning engine writes about an order: above all how much of it is for which demand or forecast. */
export type Plan = {
  pegging?: Record<string, number>;
  upstream_opplans?: Json;
  downstream_opplans?: Json;
  unavailable?: number;
};

/** An operation plan: a manufacturing order or a work order, which share one table and one range of references. */
export type Order = {
  reference: string;
  /** Not in the payload: decides which endpoint shows the row. Before 9.13 every row is an `MO`. */
  type: 'MO' | 'WO';
  status: Status;
  operation: string | null;
  quantity: string;
  quantity_completed: string | null;
  startdate: string | null;
  enddate: string | null;
  batch: string | null;
  criticality: string | null;
  delay: string | null;
  plan: Plan | null;
  owner: string | null;
  source: string | null;
  lastmodified: string;
  demand: string | null;
  forecast: string | null;
};

/** A sales order line; has no `lastmodified` in the API. */
export type Demand = {
  name: string;
  description: string | null;
  category: string | null;
  subcategory: string | null;
  item: string;
  customer: string | null;
  location: string | null;
  due: string | null;
  status: 'inquiry' | 'quote' | 'open' | 'closed' | 'canceled';
  operation: string | null;
  quantity: string;
  priority: number;
  batch: string | null;
  delay: string | null;
  plannedquantity: string | null;
  deliverydate: string | null;
  plan: Json;
  minshipment: string | null;
  maxlateness: string | null;
  owner: string | null;
  policy: string;
};

/** An operation; a step of a routing has the routing as its `owner` and its place in it as `priority`. */
export type Operation = {
  name: string;
  type: 'fixed_time' | 'time_per' | 'routing';
  item: string | null;
  location: string | null;
  owner: string | null;
  priority: number;
  duration: string | null;
  duration_per: string | null;
  lastmodified: string;
};

/** A resource; members of a pool have the pool as their `owner`. */
export type Resource = {
  name: string;
  description: string | null;
  category: string | null;
  subcategory: string | null;
  type: string;
  location: string | null;
  owner: string | null;
  lastmodified: string;
};

/** Which resource (or pool) an operation needs. */
export type OperationResource = {
  id: number;
  operation: string;
  resource: string;
  priority: number;
  quantity: string;
  lastmodified: string;
};

/** Which resource an order was given. */
export type Load = {
  id: number;
  operationplan: string;
  resource: string;
  quantity: string;
  status: string | null;
  setup: string | null;
  source: string | null;
  lastmodified: string;
};

/** Tables with rows of a known shape; every other model has one too. */
export interface Tables {
  operationplan: Order;
  demand: Demand;
  operation: Operation;
  resource: Resource;
  operationresource: OperationResource;
  operationplanresource: Load;
}

/** True when an order is on the shop floor's list: the planner has released it. */
export function isReleased({ status }: Order): boolean {
  return status === 'approved' || status === 'confirmed';
}

/** True when an order is done. */
export function isDone({ status }: Order): boolean {
  return status === 'completed' || status === 'closed';
}
