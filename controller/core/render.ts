/**
 * render: templates + virtual services → keepalived's files. Nothing is escaped into keepalived's grammar: what
 * could not stand in it is refused before, and the text is read back and compared after.
 */
import Handlebars from 'handlebars';
import { reasonOf } from '../../common/problem.ts';
import { refusals } from './errors.ts';
import { TextFault } from './keepalived-text.ts';
import { checkValues } from './renderable.ts';
import { readRendered } from './rendered.ts';
import { mainContext, virtualServiceContext, virtualServiceFile } from './template-context.ts';
import type {
  RenderedFiles,
  RenderPaths,
  ServedSettings,
  TemplateSource,
  VirtualService,
  WantedService,
} from './types.ts';

export const mainFile = 'ipvs.conf';

interface Template {
  fileName: string;
  render(context: object, what: string): string;
}

export interface Templates {
  main: Template;
  virtualService: Template;
}

/** Throws TEMPLATE_SYNTAX. What a template makes is looked at each time it is rendered. */
export function compileTemplates(sources: {
  main: TemplateSource;
  virtualService: TemplateSource;
}): Templates {
  return { main: compile(sources.main), virtualService: compile(sources.virtualService) };
}

function compile({ fileName, text }: TemplateSource): Template {
  const handlebars = Handlebars.create();
  try {
    // A template edited on another system may have its line ends.
    const options = { noEscape: true, strict: true };
    const tree = handlebars.parse(text.replaceAll('\r\n', '\n'));
    handlebars.precompile(tree, options);
    const run = handlebars.compile(tree, options);
    return {
      fileName,
      render(context, what) {
        try {
          return run(context);
        } catch (error) {
          throw refusals.TEMPLATE_FAILED(fileName, what, reasonOf(error));
        }
      },
    };
  } catch (error) {
    throw refusals.TEMPLATE_SYNTAX(fileName, reasonOf(error));
  }
}

export interface Rendered {
  files: RenderedFiles;
  /** What the kernel should hold once keepalived has read these files. */
  wanted: WantedService[];
}

/**
 * A virtual service without servers is left out: keepalived ignores it with a warning ("has no real servers").
 * Throws TEMPLATE_FAILED, TEMPLATE_RESULT or NOT_RENDERABLE.
 */
export function renderWanted(
  templates: Templates,
  settings: ServedSettings,
  virtualServices: readonly VirtualService[],
  paths: RenderPaths,
): Rendered {
  const services = virtualServices.filter(({ realServers }) => realServers.length > 0);
  checkValues(settings, services, paths);
  const { main, virtualService } = templates;
  const files: RenderedFiles = {
    [mainFile]: main.render(mainContext(settings, services, paths), 'the main file'),
  };
  for (const service of services) {
    const context = virtualServiceContext(settings, service);
    files[virtualServiceFile(service)] = virtualService.render(context, `port ${service.key}`);
  }
  try {
    return { files, wanted: readRendered(files, mainFile, services, paths) };
  } catch (error) {
    if (!(error instanceof TextFault)) throw error;
    const { fileName } = error.file === mainFile ? main : virtualService;
    const where = error.line > 0 ? `${error.file} line ${error.line}` : error.file;
    throw refusals.TEMPLATE_RESULT(fileName, where, error.message);
  }
}

export function render(
  templates: Templates,
  settings: ServedSettings,
  virtualServices: readonly VirtualService[],
  paths: RenderPaths,
): RenderedFiles {
  return renderWanted(templates, settings, virtualServices, paths).files;
}
