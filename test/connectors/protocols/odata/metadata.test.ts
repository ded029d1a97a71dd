import { describe, expect, it } from 'vitest';
import { readPropertyTypes } from '../../../../src/connectors/protocols/odata/metadata.ts';

const v2 = `<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" xmlns:sap="http://www.sap.com/Protocols/SAPData">
 <edmx:DataServices m:DataServiceVersion="2.0">
  <Schema Namespace="API_WORK_CENTERS" xmlns="http://schemas.microsoft.com/ado/2008/09/edm" xml:lang="en" sap:schema-version="1">
   <EntityType Name="A_WorkCentersType" sap:label="Work Center" sap:content-version="1">
    <Key>
     <PropertyRef Name="WorkCenterInternalID"/>
    </Key>
    <Property Name="WorkCenterInternalID" Type="Edm.String" Nullable="false" MaxLength="8" sap:display-format="NonNegative" sap:label="Object ID"/>
    <Property sap:label="Quantity &gt; 0 'and' more" MaxLength="40" Type="Edm.String" Name="WorkCenterDesc" />
    <Property
      Name="WorkCenterLastChangeDateTime"
      Type="Edm.DateTimeOffset" Precision="7" sap:label="Changed on">
    </Property>
    <NavigationProperty Name="to_Description" Relationship="API_WORK_CENTERS.assoc_1" FromRole="FromRole_assoc_1" ToRole="ToRole_assoc_1"/>
   </EntityType>
   <EntityType Name="A_WorkCenterCostCenterType"><Property Name="CostCenter" Type="Edm.String"/></EntityType>
   <ComplexType Name="DeferrableResult"><Property Name="OnlyInTheComplexType" Type="Edm.Boolean"/></ComplexType>
   <EntityContainer Name="API_WORK_CENTERS_Entities" m:IsDefaultEntityContainer="true">
    <EntitySet Name="A_WorkCenters" EntityType="API_WORK_CENTERS.A_WorkCentersType" sap:creatable="false" sap:content-version="1"/>
    <EntitySet sap:creatable="false" EntityType="API_WORK_CENTERS.A_WorkCenterCostCenterType" Name="A_WorkCenterCostCenter"/>
   </EntityContainer>
  </Schema>
 </edmx:DataServices>
</edmx:Edmx>`;

const v4 = `<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" xmlns="http://docs.oasis-open.org/odata/ns/edm">
 <edmx:Reference Uri="/sap/opu/odata4/iwbep/common/$metadata"><edmx:Include Namespace="com.sap.vocabularies.Common.v1" Alias="SAP__common"/></edmx:Reference>
 <edmx:DataServices>
  <Schema Namespace="com.sap.gateway.srvd_a2x.api_salesorder.v0001" Alias="SAP__self">
   <EntityType Name="SalesOrderType">
    <Key><PropertyRef Name="SalesOrder"/></Key>
    <Property Name="SalesOrder" Type="Edm.String" Nullable="false" MaxLength="10"/>
    <Property Name="LastChangeDateTime" Type="Edm.DateTimeOffset" Precision="7"/>
    <Property Name="RequestedDeliveryDate" Type="Edm.Date"/>
    <NavigationProperty Name="_Item" Type="Collection(com.sap.gateway.srvd_a2x.api_salesorder.v0001.SalesOrderItemType)" Partner="_SalesOrder"/>
   </EntityType>
   <EntityContainer Name="Container">
    <EntitySet Name="SalesOrder" EntityType="com.sap.gateway.srvd_a2x.api_salesorder.v0001.SalesOrderType">
     <NavigationPropertyBinding Path="_Item" Target="SalesOrderItem"/>
    </EntitySet>
    <Singleton Name="Me" Type="x.SalesOrderType"/>
   </EntityContainer>
   <Annotations Target="SAP__self.SalesOrderType/SalesOrder"><Annotation Term="SAP__common.Label" String="Sales Order"/></Annotations>
  </Schema>
 </edmx:DataServices>
</edmx:Edmx>`;

const read = (document: string, set: string) => Object.fromEntries(readPropertyTypes(document, set) ?? [['none', '']]);

const workCenters = {
  WorkCenterInternalID: 'Edm.String',
  WorkCenterDesc: 'Edm.String',
  WorkCenterLastChangeDateTime: 'Edm.DateTimeOffset',
};
const salesOrder = {
  SalesOrder: 'Edm.String',
  LastChangeDateTime: 'Edm.DateTimeOffset',
  RequestedDeliveryDate: 'Edm.Date',
};

describe('the property types of an entity set', () => {
  it('are read from V2 and V4, attributes in any order', () => {
    expect(read(v2, 'A_WorkCenters')).toEqual(workCenters);
    expect(read(v4, 'SalesOrder')).toEqual(salesOrder);
  });

  it('belong to that set only: neither to its neighbours nor to complex types', () => {
    expect(read(v2, 'A_WorkCenterCostCenter')).toEqual({ CostCenter: 'Edm.String' });
  });

  it('are read behind any prefix', () => {
    const prefixed = v4.replaceAll(/<(\/?)(Schema|Entity|Property|Key)/g, '<$1edm:$2');
    expect(prefixed).toContain('<edm:Property Name');
    expect(read(prefixed, 'SalesOrder')).toEqual(salesOrder);
  });

  it('are read from attributes in single quotes and behind a bare > in a label', () => {
    const single = v2.replaceAll('Type="Edm.String"', "Type='Edm.String'").replace('&gt;', '>');
    expect(read(single, 'A_WorkCenters')).toEqual(workCenters);
  });

  it.each(['Sales', 'A_SalesOrder', 'Me', ''])('are undefined for a set that is not there: %j', (set) => {
    expect(readPropertyTypes(v4, set)).toBeUndefined();
  });

  it('do not take attributes of another namespace for their own', () => {
    const odd = v4.replace(
      'Name="SalesOrder" Type="Edm.String"',
      'sap:Name="x" Name="SalesOrder" sap:Type="y" Type="Edm.String"',
    );
    expect(read(odd, 'SalesOrder')).toEqual(salesOrder);
  });

  it('of a large document are read fast', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `<Property Name="P${index}" Type="Edm.String"/>`).join(
      '',
    );
    const document = v4.replace('<Key>', `${many}<Key>`);
    const before = performance.now();
    expect(readPropertyTypes(document, 'SalesOrder')?.size).toBe(20_003);
    expect(performance.now() - before).toBeLessThan(1000);
  });
});
