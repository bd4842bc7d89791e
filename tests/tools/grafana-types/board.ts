// A dashboard as Grafana's own types have it, with the options of each kind of panel that ours use, so that a key
// which Grafana does not know, or a value that it does not take, is an error of the compiler.
import type { AnnotationQuery, Dashboard, DataQuery, FieldConfig, FieldConfigSource, Panel, RowPanel, VariableModel } from "@grafana/schema";
import type { Options as BarGauge } from "@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen.d.ts";
import type { FieldConfig as BarChartField, Options as BarChart } from "@grafana/schema/dist/types/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen.d.ts";
import type { FieldConfig as HeatmapField, Options as Heatmap } from "@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen.d.ts";
import type { Options as Stat } from "@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts";
import type { FieldConfig as LinesField, Options as Lines } from "@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts";
import type { FieldConfig as TableField, Options as Table } from "@grafana/schema/dist/types/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.d.ts";
import type { Options as Text } from "@grafana/schema/dist/types/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen.d.ts";

/** As JSON has it: a member of an enum of strings is its text. */
type Json<T> = T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends (infer Item)[] ? Json<Item>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> }
  : T;

/** A query to Prometheus: these types are in a package of their own, with the editor. */
interface Query extends DataQuery {
  datasource: { type: "prometheus"; uid: string };
  expr: string;
  format: "time_series" | "table" | "heatmap";
  legendFormat: string;
  instant: boolean;
  range: boolean;
  interval?: string;
  editorMode: "code" | "builder";
}

/** Grafana's own would take any key beside those of the panel's kind. */
interface Fields<Custom> extends Omit<FieldConfigSource, "defaults"> {
  defaults: Omit<FieldConfig, "custom"> & { custom?: Custom };
}

interface Shown<Kind extends string, Options, Field> extends Omit<Panel, "fieldConfig" | "options" | "targets"> {
  type: Kind;
  id: number;
  title: string;
  fieldConfig: Fields<Field>;
  options: Partial<Options>;
  targets: Query[];
}

type OneOf =
  | Shown<"stat", Stat, never>
  | Shown<"bargauge", BarGauge, never>
  | Shown<"timeseries", Lines, LinesField>
  | Shown<"barchart", BarChart, BarChartField>
  | Shown<"table", Table, TableField>
  | Shown<"heatmap", Heatmap, HeatmapField>
  | Omit<Shown<"text", Text, never>, "targets">
  | Folded;

/** Grafana's own would take anything as a panel of a row. */
interface Folded extends Omit<RowPanel, "panels"> {
  panels: OneOf[];
}

/** Besides the common ones, what the Prometheus data source reads from an annotation. */
type Mark = AnnotationQuery & { expr: string; step: string; titleFormat: string; useValueForTime: boolean };
/** `definition` is the query as the list of variables shows it; the schema leaves it out. */
type Variable = VariableModel & { definition?: string };

export type Board = Json<
  Omit<Dashboard, "annotations" | "panels" | "templating"> & {
    uid: string;
    annotations: { list: Mark[] };
    panels: OneOf[];
    templating: { list: Variable[] };
  }
>;
