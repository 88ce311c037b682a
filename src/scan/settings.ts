import type { ScannerSettings, SettingValue } from '../plan/request.ts'

/** The settings as a `trivy.yaml` of our own: what the reader of inputs has checked, and nothing else of that file. */
export function settingsFile({ values }: ScannerSettings): string {
  const sections = new Map<string, Record<string, SettingValue>>()
  for (const [name, value] of Object.entries(values)) {
    const [section = '', key = ''] = name.split(/\.(.*)/)
    sections.set(section, { ...sections.get(section), [key]: value })
  }
  return JSON.stringify(Object.fromEntries(sections))
}
