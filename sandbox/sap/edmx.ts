import type { EntitySet, Kind, Property, Service } from './metadata.ts';
import { escapeXml } from './xml.ts';

const v2Types: Record<Kind, string> = {
  text: 'Edm.String',
  id: 'Edm.String',
  material: 'Edm.String',
  flag: 'Edm.String',
  boolean: 'Edm.Boolean',
  decimal: 'Edm.Decimal',
  date: 'Edm.DateTime',
  time: 'Edm.Time',
  stamp7: 'Edm.DateTimeOffset',
  stamp0: 'Edm.DateTimeOffset',
  char14: 'Edm.String',
};

const v4Types: Record<Kind, string> = {
  ...v2Types,
  flag: 'Edm.Boolean',
  date: 'Edm.Date',
  time: 'Edm.TimeOfDay',
  char14: 'Edm.DateTimeOffset',
};

/** The Edm type of a property as `$metadata` and the error texts name it. */
export function edmType(kind: Kind, protocol: Service['protocol']): string {
  return protocol === 'v4' ? v4Types[kind] : v2Types[kind];
}

/** The `$metadata` document of a service, in the shape in which the gateway writes it. */
export function edmx(service: Service): string {
  const schema = `${service.sets.map((set) => entityType(set, service)).join('')}${container(service)}`;
  if (service.protocol === 'v4') {
    return `<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" xmlns="http://docs.oasis-open.org/odata/ns/edm"><edmx:DataServices><Schema Namespace="${service.namespace}" Alias="SAP__self">${schema}</Schema></edmx:DataServices></edmx:Edmx>`;
  }
  return `<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" xmlns:sap="http://www.sap.com/Protocols/SAPData"><edmx:DataServices m:DataServiceVersion="2.0"><Schema Namespace="${service.namespace}" xmlns="http://schemas.microsoft.com/ado/2008/09/edm" xml:lang="en" sap:schema-version="1">${schema}</Schema></edmx:DataServices></edmx:Edmx>`;
}

function entityType(set: EntitySet, service: Service): string {
  const keys = set.properties.filter(({ key }) => key).map(({ name }) => `<PropertyRef Name="${name}"/>`);
  const properties = set.properties.map((property) => describe(property, set, service)).join('');
  const annotation = service.protocol === 'v4' ? '' : ' sap:content-version="1"';
  return `<EntityType Name="${set.type}"${annotation}><Key>${keys.join('')}</Key>${properties}</EntityType>`;
}

function describe(property: Property, set: EntitySet, service: Service): string {
  const { name, kind, length, key } = property;
  const type = edmType(kind, service.protocol);
  const attributes: Record<string, string> = { Name: name, Type: type };
  if (key === true) attributes['Nullable'] = 'false';
  if (type === 'Edm.String') attributes['MaxLength'] = String(kind === 'char14' ? 14 : (length ?? 1));
  if (type === 'Edm.DateTimeOffset') attributes['Precision'] = kind === 'stamp0' ? '0' : '7';
  if (kind === 'decimal') Object.assign(attributes, { Precision: String(length), Scale: '3' });
  if (service.protocol !== 'v4') Object.assign(attributes, v2Annotations(property));
  if (service.protocol === 'v2' && property.column === set.etag) attributes['ConcurrencyMode'] = 'Fixed';
  return `<Property ${attributesOf(attributes)}/>`;
}

function v2Annotations(property: Property): Record<string, string> {
  return {
    ...(property.kind === 'date' ? { Precision: '0', 'sap:display-format': 'Date' } : {}),
    ...(property.kind === 'id' ? { 'sap:display-format': 'UpperCase' } : {}),
    'sap:label': property.name.replace(/(?<=[a-z])(?=[A-Z])/g, ' '),
    'sap:creatable': 'false',
    'sap:updatable': 'false',
    ...(property.filterable === false ? { 'sap:sortable': 'false', 'sap:filterable': 'false' } : {}),
  };
}

function container(service: Service): string {
  const { namespace, sets, protocol } = service;
  const alias = protocol === 'v4' ? 'Container' : `${namespace}_Entities`;
  const mark = protocol === 'v4' ? '' : ' m:IsDefaultEntityContainer="true" sap:supported-formats="atom json xlsx"';
  const note = protocol === 'v4' ? '' : ' sap:creatable="false" sap:deletable="false" sap:content-version="1"';
  const entries = sets.map(({ name, type }) => `<EntitySet Name="${name}" EntityType="${namespace}.${type}"${note}/>`);
  return `<EntityContainer Name="${alias}"${mark}>${entries.join('')}</EntityContainer>`;
}

function attributesOf(attributes: Record<string, string>): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}="${escapeXml(value)}"`)
    .join(' ');
}
