// SPDX-License-Identifier: Apache-2.0
// Grafana's schema types a panel's options and custom fields as records of anything; here each kind of panel that
// the dashboards use has those of its plugin.
import type { AnnotationQuery, Dashboard, FieldConfigSource, Panel, RowPanel } from '@grafana/schema';
import type { Options as BarGauge } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type {
  FieldConfig as HeatmapField,
  Options as Heatmap,
} from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type {
  FieldConfig as TimelineField,
  Options as Timeline,
} from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type {
  FieldConfig as TableField,
  Options as Table,
} from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type {
  FieldConfig as GraphField,
  Options as Graph,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON has the values of an enum, not its names.
type Plain<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

// Prometheus' query, of which the schema package has no type.
interface Query {
  datasource: { type: 'prometheus'; uid: '${datasource}' };
  refId: string;
  expr: string;
  legendFormat: string;
  format: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  range: boolean;
}

interface Field<Custom> extends Omit<FieldConfigSource, 'defaults'> {
  defaults: Omit<FieldConfigSource['defaults'], 'custom'> & { custom?: Custom };
}

interface Of<Kind extends string, Options, Custom>
  extends Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> {
  type: Kind;
  options: Options;
  fieldConfig: Field<Custom>;
  targets: Query[];
}

type LeafPanel =
  | Of<'stat', Stat, never>
  | Of<'bargauge', BarGauge, never>
  | Of<'timeseries', Graph, GraphField>
  | Of<'heatmap', Heatmap, HeatmapField>
  | Of<'state-timeline', Timeline, TimelineField>
  | Of<'table', Table, TableField>;

type AnyPanel = LeafPanel | (Omit<RowPanel, 'panels'> & { panels: LeafPanel[] });

// Which fields of a series an annotation of Prometheus shows.
interface Annotation extends Omit<AnnotationQuery, 'target'> {
  target: { refId: string; expr: string };
  titleFormat: string;
  textFormat: string;
  tagKeys: string;
  useValueForTime: string;
}

export type Checked = Plain<
  Omit<Dashboard, 'panels' | 'annotations'> & { panels: AnyPanel[]; annotations: { list: Annotation[] } }
>;
