import type { Settings } from '../common/settings.ts';
import type { Templates } from './core/render.ts';

/** What the operator gives: settings and templates, taken up together or not at all. */
export interface Configuration {
  readonly settings: Settings;
  readonly templates: Templates;
}
