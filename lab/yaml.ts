import { dump } from 'js-yaml';

/** YAML as a person would write it: no anchors for a value that comes twice, no folded lines. */
export function toYaml(value: object): string {
  return dump(value, { noRefs: true, lineWidth: -1 });
}
