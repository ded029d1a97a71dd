import type { Version } from './errors.ts';
import {
  choice,
  company,
  heads,
  type Model,
  type Module,
  many,
  plain,
  productionStates,
  saleStates,
  stamps,
  workOrderStates17,
  workOrderStates19,
} from './fields.ts';

const workCenter: Model = {
  name: 'mrp.workcenter',
  label: 'Work Center',
  order: 'sequence,id',
  fields: {
    ...heads,
    name: plain('char', 'Work Center', { required: true }),
    code: plain('char', 'Code'),
    active: plain('boolean', 'Active'),
    sequence: plain('integer', 'Sequence', { required: true }),
    color: plain('integer', 'Color'),
    working_state: choice(
      'Workcenter Status',
      [
        ['normal', 'Normal'],
        ['blocked', 'Blocked'],
        ['done', 'In Progress'],
      ],
      { store: false, readonly: true },
    ),
    time_efficiency: plain('float', 'Time Efficiency'),
    default_capacity: plain('float', 'Capacity', { only: 17 }),
    costs_hour: plain('float', 'Cost per hour'),
    company_id: company,
    resource_calendar_id: many('resource.calendar', 'Working Hours'),
    alternative_workcenter_ids: plain('many2many', 'Alternative Workcenters', { relation: 'mrp.workcenter' }),
    tag_ids: plain('many2many', 'Tag', { relation: 'mrp.workcenter.tag' }),
    note: plain('html', 'Description'),
    ...stamps,
  },
};

const equipment: Model = {
  name: 'maintenance.equipment',
  label: 'Maintenance Equipment',
  order: 'id',
  module: 'maintenance',
  fields: {
    ...heads,
    name: plain('char', 'Equipment Name', { required: true }),
    active: plain('boolean', 'Active'),
    serial_no: plain('char', 'Serial Number'),
    model: plain('char', 'Model'),
    category_id: many('maintenance.equipment.category', 'Equipment Category'),
    location: plain('char', 'Location', { only: 17 }),
    location_id: many('stock.location', 'Location', { only: 19 }),
    note: plain('html', 'Note'),
    assign_date: plain('date', 'Assigned Date'),
    scrap_date: plain('date', 'Scrap Date'),
    cost: plain('float', 'Cost'),
    owner_user_id: many('res.users', 'Owner'),
    company_id: company,
    ...stamps,
  },
};

const saleOrder: Model = {
  name: 'sale.order',
  label: 'Sales Order',
  order: 'date_order desc,id desc',
  module: 'sale',
  fields: {
    ...heads,
    name: plain('char', 'Order Reference', { required: true }),
    state: choice('Status', saleStates, { readonly: true }),
    locked: plain('boolean', 'Locked'),
    partner_id: many('res.partner', 'Customer', { required: true }),
    client_order_ref: plain('char', 'Customer Reference'),
    origin: plain('char', 'Source Document'),
    date_order: plain('datetime', 'Order Date', { required: true }),
    commitment_date: plain('datetime', 'Delivery Date'),
    expected_date: plain('datetime', 'Expected Date', { store: false, readonly: true }),
    order_line: plain('one2many', 'Order Lines', { relation: 'sale.order.line', inverse: 'order_id' }),
    note: plain('html', 'Terms and conditions'),
    amount_total: plain('monetary', 'Total', { readonly: true }),
    company_id: { ...company, required: true },
    ...stamps,
  },
};

const saleLine: Model = {
  name: 'sale.order.line',
  label: 'Sales Order Line',
  order: 'order_id,sequence,id',
  module: 'sale',
  fields: {
    ...heads,
    name: plain('text', 'Description', { required: true }),
    order_id: many('sale.order', 'Order Reference', { required: true }),
    sequence: plain('integer', 'Sequence'),
    product_id: many('product.product', 'Product'),
    product_uom_qty: plain('float', 'Quantity', { required: true }),
    product_uom: many('uom.uom', 'Unit of Measure', { only: 17 }),
    product_uom_id: many('uom.uom', 'Unit', { only: 19 }),
    qty_delivered: plain('float', 'Delivery Quantity'),
    display_type: choice('Display Type', [
      ['line_section', 'Section'],
      ['line_note', 'Note'],
    ]),
    state: choice('Order Status', saleStates, { store: false, related: true, readonly: true }),
    company_id: { ...company, store: false, related: true, readonly: true },
    ...stamps,
  },
};

const production: Model = {
  name: 'mrp.production',
  label: 'Manufacturing Order',
  order: 'priority desc,date_start,id',
  fields: {
    ...heads,
    name: plain('char', 'Reference', { readonly: true }),
    priority: choice('Priority', [
      ['0', 'Normal'],
      ['1', 'Urgent'],
    ]),
    backorder_sequence: plain('integer', 'Backorder Sequence'),
    origin: plain('char', 'Source'),
    product_id: many('product.product', 'Product', { required: true }),
    product_qty: plain('float', 'Quantity To Produce', { required: true }),
    product_uom_id: many('uom.uom', 'Unit', { required: true }),
    qty_producing: plain('float', 'Quantity Producing'),
    qty_produced: plain('float', 'Quantity Produced', { store: false, readonly: true }),
    date_deadline: plain('datetime', 'Deadline'),
    date_start: plain('datetime', 'Start', { required: true }),
    date_finished: plain('datetime', 'End'),
    bom_id: many('mrp.bom', 'Bill of Material'),
    state: choice('State', productionStates, { readonly: true }),
    workorder_ids: plain('one2many', 'Work Orders', { relation: 'mrp.workorder', inverse: 'production_id' }),
    user_id: many('res.users', 'Responsible'),
    company_id: { ...company, required: true },
    procurement_group_id: many('procurement.group', 'Procurement Group', { only: 17 }),
    sale_line_id: many('sale.order.line', 'Origin sale order line', { only: 19, module: 'sale' }),
    ...stamps,
  },
};

const workOrder = (version: Version): Model => ({
  name: 'mrp.workorder',
  label: 'Work Order',
  order: version === 17 ? 'date_start,id' : 'sequence,date_start,id',
  fields: {
    ...heads,
    name: plain('char', 'Work Order', { required: true }),
    sequence: plain('integer', 'Sequence', { only: 19 }),
    barcode: plain('char', 'Barcode', { store: false, readonly: true }),
    workcenter_id: many('mrp.workcenter', 'Work Center', { required: true }),
    working_state: choice('Workcenter Status', [['normal', 'Normal']], { store: false, readonly: true }),
    product_id: many('product.product', 'Product', { store: false, related: true, readonly: true }),
    production_id: many('mrp.production', 'Manufacturing Order', { required: true, readonly: true }),
    production_state: choice('Production State', productionStates, { store: false, related: true, readonly: true }),
    qty_production: plain('float', 'Original Production Quantity', { store: false, related: true, readonly: true }),
    company_id: { ...company, store: false, related: true, readonly: true },
    qty_producing: plain('float', 'Currently Produced Quantity', { store: false }),
    qty_remaining: plain('float', 'Quantity To Be Produced', { store: false, readonly: true }),
    qty_produced: plain('float', 'Quantity'),
    state: choice('Status', version === 17 ? workOrderStates17 : workOrderStates19, { readonly: true }),
    date_start: plain('datetime', 'Start'),
    date_finished: plain('datetime', 'End'),
    duration_expected: plain('float', 'Expected Duration'),
    duration: plain('float', 'Real Duration'),
    operation_id: many('mrp.routing.workcenter', 'Operation'),
    blocked_by_workorder_ids: plain('many2many', 'Blocked By', { relation: 'mrp.workorder' }),
    ...stamps,
  },
});

const stockMove: Model = {
  name: 'stock.move',
  label: 'Stock Move',
  order: 'sequence,id',
  fields: {
    ...heads,
    sequence: plain('integer', 'Sequence'),
    product_id: many('product.product', 'Product', { required: true }),
    product_uom_qty: plain('float', 'Demand', { required: true }),
    state: choice('Status', [
      ['draft', 'New'],
      ['waiting', 'Waiting Another Move'],
      ['confirmed', 'Waiting'],
      ['partially_available', 'Partially Available'],
      ['assigned', 'Available'],
      ['done', 'Done'],
      ['cancel', 'Cancelled'],
    ]),
    created_production_id: many('mrp.production', 'Created Production Order'),
    sale_line_id: many('sale.order.line', 'Sale Line', { module: 'sale' }),
    company_id: { ...company, required: true },
    ...stamps,
  },
};

const product: Model = {
  name: 'product.product',
  label: 'Product Variant',
  order: 'default_code,name,id',
  fields: {
    ...heads,
    name: plain('char', 'Name', { required: true }),
    default_code: plain('char', 'Internal Reference'),
    barcode: plain('char', 'Barcode'),
    active: plain('boolean', 'Active'),
    uom_id: many('uom.uom', 'Unit', { required: true }),
    ...stamps,
  },
};

const partner: Model = {
  name: 'res.partner',
  label: 'Contact',
  order: 'name,id',
  fields: {
    ...heads,
    name: plain('char', 'Name'),
    active: plain('boolean', 'Active'),
    ref: plain('char', 'Reference'),
    is_company: plain('boolean', 'Is a Company'),
    ...stamps,
  },
};

const companies: Model = {
  name: 'res.company',
  label: 'Companies',
  order: 'sequence,name',
  fields: {
    ...heads,
    name: plain('char', 'Company Name', { required: true }),
    sequence: plain('integer', 'Sequence'),
    ...stamps,
  },
};

const users: Model = {
  name: 'res.users',
  label: 'User',
  order: 'name,login',
  fields: {
    ...heads,
    name: plain('char', 'Name', { required: true }),
    login: plain('char', 'Login', { required: true }),
    active: plain('boolean', 'Active'),
    company_id: { ...company, required: true },
    company_ids: plain('many2many', 'Companies', { relation: 'res.company' }),
    ...stamps,
  },
};

const apiKeys: Model = {
  name: 'res.users.apikeys',
  label: 'Users API Keys',
  order: 'id',
  fields: {
    id: plain('integer', 'ID', { readonly: true }),
    name: plain('char', 'Description', { required: true, readonly: true }),
    user_id: many('res.users', 'User', { required: true, readonly: true }),
    scope: plain('char', 'Scope', { readonly: true }),
    create_date: plain('datetime', 'Creation Date', { readonly: true }),
    expiration_date: plain('datetime', 'Expiration Date', { readonly: true, only: 19 }),
  },
};

/** The models of a release with some modules missing, and of each the fields it has there. */
export function modelsOf(version: Version, absent: readonly Module[]): Map<string, Model> {
  const present = ({ module }: { module?: Module }): boolean => module === undefined || !absent.includes(module);
  const documents = [saleOrder, saleLine, production, workOrder(version), stockMove];
  const all = [workCenter, equipment, ...documents, product, partner, companies, users, apiKeys];
  const kept = all.filter(present).map((model) => {
    const fields = Object.entries(model.fields).filter(
      ([, field]) => (field.only === undefined || field.only === version) && present(field),
    );
    return { ...model, fields: Object.fromEntries(fields) };
  });
  return new Map(kept.map((model) => [model.name, model]));
}
