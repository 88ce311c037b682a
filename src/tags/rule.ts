/** The one-word presets of the input `tags`. */
export const PRESETS = ['version', 'version-commit', 'commit', 'major-minor', 'major', 'latest'] as const
export type Preset = (typeof PRESETS)[number]

/** One rule of the input `tags`: a preset, or a name as it stands (metadata-action's `type=raw`). */
export type TagRule =
  | { readonly type: 'preset'; readonly preset: Preset }
  | { readonly type: 'raw'; readonly value: string; readonly enable: boolean; readonly fixed?: boolean }
