/** One exchange recorded from the real v0.1.0 functions; uuids are `<id>`, times `<time>`, hashes `<hash>`, ends cut off `…`. */
export interface Recorded {
  title: string;
  /** `METHOD /path`; `<job>` stands for the id of job c010-2. */
  request: string;
  body?: object;
  status: number;
  answer: string;
}

const source = { external_source: 'SAP' };
const nested = {
  external_id: 'c010-1',
  ...source,
  job_number: 'c010-J1',
  customer: 'Acme',
  due_date: '2026-12-31',
  priority: 5,
  parts: [
    {
      external_id: 'c010-1-10',
      part_number: 'c010-BR',
      material: 'Steel',
      quantity: 25,
      operations: [
        { external_id: 'c010-1-10-010', operation_name: 'Laser', cell_name: 'c010 Cutting', sequence: 1 },
        { external_id: 'c010-1-10-020', operation_name: 'Bend', cell_name: 'No Such Cell', sequence: 2 },
      ],
    },
  ],
};
const operation = {
  external_id: 'c010-O1',
  ...source,
  part_external_id: 'c010-P2',
  operation_name: 'Laser Cut',
  cell_name: 'c010 Cutting',
  sequence: 1,
};
const bend = { ...source, operation_name: 'Bend', cell_name: 'c010 Bending' };
const lost = { external_id: 'c010-O2', ...source, operation_name: 'X' };

/** In the order of the recording: each builds on those before it. The tenant held three cells at the start. */
export const recorded: readonly Recorded[] = [
  {
    title: 'Cell sync: created',
    request: 'PUT /api-cells/sync',
    body: { external_id: 'c010-WC1', ...source, name: 'c010 Cutting', color: '#3b82f6', active: true },
    status: 201,
    answer:
      '{"success":true,"data":{"action":"created","cell":{"id":"<id>","tenant_id":"<id>","name":"c010 Cutting","description":null,"color":"#3b82f6","image_url":null,"sequence":4,"active":true,"created_at":"<time>","updated_at":"<time>","wip_limit":null,"wip_warning_threshold":null,"enforce_wip_limit":false,"show_capacity_warning":true,"icon_name":null,"capacity_hours_per_day":8,"external_id":"c010-WC1","external_source":"SAP","synced_at":"<time>","deleted_at":null…',
  },
  {
    title: 'Cell sync: updated',
    request: 'PUT /api-cells/sync',
    body: { external_id: 'c010-WC1', ...source, name: 'c010 Cutting' },
    status: 200,
    answer:
      '{"success":true,"data":{"action":"updated","cell":{"id":"<id>","tenant_id":"<id>","name":"c010 Cutting","description":null,"color":"#3B82F6","image_url":null,"sequence":4,"active":true,"created_at":"<time>","updated_at":"<time>","wip_limit":null,"wip_warning_threshold":null,"enforce_wip_limit":false,"show_capacity_warning":true,"icon_name":null,"capacity_hours_per_day":8,"external_id":"c010-WC1","external_source":"SAP","synced_at":"<time>","deleted_at":null,"d…',
  },
  {
    title: 'Cell bulk-sync',
    request: 'POST /api-cells/bulk-sync',
    body: {
      cells: [
        { external_id: 'c010-WC2', ...source, name: 'c010 Bending' },
        { ...source, name: 'q' },
      ],
    },
    status: 200,
    answer:
      '{"success":true,"data":{"total":2,"created":1,"updated":0,"errors":1,"results":[{"external_id":"c010-WC2","id":"<id>","action":"created"},{"action":"error","error":"external_id and external_source are required"}]}}',
  },
  {
    title: 'Resource sync',
    request: 'PUT /api-resources/sync',
    body: { external_id: 'c010-R1', ...source, name: 'c010 Mill', type: 'equipment' },
    status: 201,
    answer:
      '{"success":true,"data":{"action":"created","resource":{"id":"<id>","tenant_id":"<id>","name":"c010 Mill","type":"equipment","description":null,"identifier":null,"location":null,"status":"available","metadata":null,"active":true,"created_at":"<time>","updated_at":"<time>","external_id":"c010-R1","external_source":"SAP","synced_at":"<time>","deleted_at":null,"del…',
  },
  {
    title: 'Job sync with nested parts and operations: created',
    request: 'PUT /api-jobs/sync',
    body: nested,
    status: 201,
    answer:
      '{"success":true,"data":{"action":"created","job":{"id":"<id>","tenant_id":"<id>","job_number":"c010-J1","customer":"Acme","due_date":"<time>","due_date_override":null,"status":"not_started","current_cell_id":null,"notes":null,"metadata":null,"created_at":"<time>","updated_at":"<time>","delivery_address":null,"delivery_city":null,"delivery_postal_code":null,"delivery_country":"NL","delivery_lat":null,"delivery_lng":null,"total_weight_kg":null,"total_volume_m3":null,"package_count":1,"external_id":"c010-1","external_source":"SAP","synced_at":"<time>","sync_hash":"<hash>","deleted_at":null,"deleted_by":null,"priority":5,"started_at":null,"paused_at":null,"resumed_at":null,"completed_at":null,"actual_duration":null…',
  },
  {
    title: 'Job sync: updated',
    request: 'PUT /api-jobs/sync',
    body: { external_id: 'c010-1', ...source, job_number: 'c010-J1', customer_name: 'Acme BV' },
    status: 200,
    answer:
      '{"success":true,"data":{"action":"updated","job":{"id":"<id>","tenant_id":"<id>","job_number":"c010-J1","customer":"Acme BV","due_date":"<time>","due_date_override":null,"status":"not_started","current_cell_id":null,"notes":null,"metadata":null,"created_at":"<time>","updated_at":"<time>","delivery_address":null,"delivery_city":null,"delivery_postal_code":null,"delivery_country":"NL","delivery_lat":null,"delivery_lng":null,"total_weight_kg":null,"total_volume_m3":nul…',
  },
  {
    title: 'Job sync: no job_number',
    request: 'PUT /api-jobs/sync',
    body: { external_id: 'c010-9', ...source },
    status: 400,
    answer: '{"success":false,"error":{"code":"BAD_REQUEST","message":"job_number is required","statusCode":400}}',
  },
  {
    title: 'Job bulk-sync: mixed',
    request: 'POST /api-jobs/bulk-sync',
    body: {
      jobs: [
        { external_id: 'c010-1', ...source, job_number: 'c010-J1' },
        { external_id: 'c010-2', ...source, job_number: 'c010-J2' },
        { external_id: 'c010-3', ...source, job_number: 'c010-J1' },
        { external_id: 'c010-4', ...source, job_number: 'c010-J4', due_date: '31-12-2026' },
        { external_id: 'c010-5', ...source },
        { job_number: 'z' },
      ],
    },
    status: 200,
    answer:
      '{"success":true,"data":{"total":6,"created":1,"updated":1,"errors":4,"results":[{"external_id":"c010-1","id":"<id>","action":"updated"},{"external_id":"c010-2","id":"<id>","action":"created"},{"external_id":"c010-3","action":"error","error":"duplicate key value violates unique constraint \\"jobs_tenant_id_job_number_key\\""},{"external_id":"c010-4","action":"error","error":"date/time field value out of range: \\"31-12-2026\\""},{"external_id":"c010-5","action":"error","error":"job_number is required"},{"action":"error","error":"external_id and external_source are required"}]}}',
  },
  {
    title: 'Job bulk-sync: not an array',
    request: 'POST /api-jobs/bulk-sync',
    body: { items: [] },
    status: 400,
    answer: '{"success":false,"error":{"code":"BAD_REQUEST","message":"jobs must be an array","statusCode":400}}',
  },
  {
    title: 'Part sync: by job_external_id',
    request: 'PUT /api-parts/sync',
    body: { external_id: 'c010-P2', ...source, job_external_id: 'c010-1', part_number: 'c010-PN2', quantity: 4 },
    status: 201,
    answer:
      '{"success":true,"data":{"action":"created","part":{"id":"<id>","tenant_id":"<id>","job_id":"<id>","parent_part_id":null,"part_number":"c010-PN2","material":"Unknown","quantity":4,"status":"not_started","current_cell_id":null,"file_paths":null,"notes":null,"metadata":null,"created_at":"<time>","updated_at":"<time>","image_paths":[],"material_lot":null…',
  },
  {
    title: 'Part sync: missing parent',
    request: 'PUT /api-parts/sync',
    body: { external_id: 'c010-P3', ...source, job_external_id: 'ghost', part_number: 'c010-PN3' },
    status: 400,
    answer:
      '{"success":false,"error":{"code":"BAD_REQUEST","message":"job_id or job_external_id is required","statusCode":400}}',
  },
  {
    title: 'Part bulk-sync: mixed',
    request: 'POST /api-parts/bulk-sync',
    body: {
      parts: [
        { external_id: 'c010-P2', ...source, job_external_id: 'c010-1', part_number: 'c010-PN2', quantity: 5 },
        { external_id: 'c010-P4', ...source, job_external_id: 'ghost', part_number: 'g' },
      ],
    },
    status: 200,
    answer:
      '{"success":true,"data":{"total":2,"created":0,"updated":1,"errors":1,"results":[{"external_id":"c010-P2","id":"<id>","action":"updated"},{"external_id":"c010-P4","action":"error","error":"job_id or valid job_external_id is required"}]}}',
  },
  {
    title: 'Operation sync: created',
    request: 'PUT /api-operations/sync',
    body: { ...operation, estimated_time_minutes: 30, notes: '1 kW' },
    status: 201,
    answer:
      '{"success":true,"data":{"action":"created","operation":{"id":"<id>","tenant_id":"<id>","part_id":"<id>","cell_id":"<id>","assigned_operator_id":null,"operation_name":"Laser Cut","sequence":1,"estimated_time":30,"actual_time":0,"status":"not_started","completion_percentage":0,"notes":"1 kW","created_at":"<time>","updated_at":"<time>","completed_at":null,"metadata":null,"icon_name":null,"setup_time":0,"run_time_per_unit":0,"wait_time":0,"changeover_time":0,"planned_start":null,"planned_end":null,"external_id":"c010-O…',
  },
  {
    title: 'Operation sync: unknown cell',
    request: 'PUT /api-operations/sync',
    body: { ...lost, part_external_id: 'c010-P2', cell_name: 'c010 cutting' },
    status: 400,
    answer:
      '{"success":false,"error":{"code":"BAD_REQUEST","message":"cell_id or cell_name is required","statusCode":400}}',
  },
  {
    title: 'Operation sync: unknown part',
    request: 'PUT /api-operations/sync',
    body: { ...lost, part_external_id: 'ghost', cell_name: 'c010 Cutting' },
    status: 400,
    answer:
      '{"success":false,"error":{"code":"BAD_REQUEST","message":"part_id or part_external_id is required","statusCode":400}}',
  },
  {
    title: 'Operation bulk-sync: mixed',
    request: 'POST /api-operations/bulk-sync',
    body: {
      operations: [
        { ...operation, estimated_time_minutes: 31 },
        { ...bend, external_id: 'c010-O3', part_external_id: 'c010-P2', sequence: 2 },
        { ...bend, external_id: 'c010-O4', part_external_id: 'ghost' },
        { ...bend, external_id: 'c010-O5', part_external_id: 'c010-P2', cell_name: 'nope' },
      ],
    },
    status: 200,
    answer:
      '{"success":true,"data":{"total":4,"created":1,"updated":1,"errors":2,"results":[{"external_id":"c010-O1","id":"<id>","action":"updated"},{"external_id":"c010-O3","id":"<id>","action":"created"},{"external_id":"c010-O4","action":"error","error":"part_id or valid part_external_id is required"},{"external_id":"c010-O5","action":"error","error":"cell_id or valid cell_name is required"}]}}',
  },
  {
    title: 'Operation list',
    request: 'GET /api-operations?limit=1',
    status: 500,
    answer:
      '{"success":false,"error":{"code":"INTERNAL_ERROR","message":"Failed to fetch operations: Could not embed because more than one relationship was found for \'operations\' and \'profiles\'","statusCode":500}}',
  },
  {
    title: 'Job list',
    request: 'GET /api-jobs?limit=1',
    status: 200,
    // Recorded with a total of 11: other variants had left jobs behind.
    answer:
      '{"success":true,"data":[{"id":"<id>","job_number":"c010-J2","customer":null,"due_date":null,"due_date_override":null,"status":"not_started","priority":0,"notes":null,"metadata":null,"created_at":"<time>","updated_at":"<time>","parts":[]}],"meta":{"pagination":{"limit":1,"offset":0,"total":2}}}',
  },
  {
    title: 'Job delete',
    request: 'DELETE /api-jobs?id=<job>',
    status: 200,
    answer: '{"success":true,"data":{"message":"Job deleted successfully","job_id":"<id>"}}',
  },
  {
    title: 'Job delete again',
    request: 'DELETE /api-jobs?id=<job>',
    status: 404,
    answer: '{"success":false,"error":{"code":"NOT_FOUND","message":"Job with ID <id> not found","statusCode":404}}',
  },
];
