import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findGo } from '../cluster/tools/go.ts';
import type { Step, StepTools } from '../setup/types.ts';
import { schemasByKind } from './openapi.ts';

const kubernetesModule = join(import.meta.dirname, '../cluster/tools/kubernetes');
/** To be raised when openapi.ts writes other schemas. */
const recipe = 1;

/** The schemas of the very Kubernetes that the cluster runs. */
export function schemasFolder(cacheDir: string): string {
  const goMod = readFileSync(join(kubernetesModule, 'go.mod'), 'utf8');
  const version = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(goMod)?.[1];
  if (version === undefined) throw new Error(`${kubernetesModule}/go.mod does not require k8s.io/kubernetes`);
  return join(cacheDir, `kubernetes-schemas-${version}-${recipe}`);
}

export function schemasStep(cacheDir: string): Step {
  const folder = schemasFolder(cacheDir);
  return {
    title: "JSON schemas of Kubernetes' OpenAPI",
    isDone: () => existsSync(folder),
    run: (tools) => tools.makeFolder(folder, (temporary) => writeSchemas(tools, cacheDir, temporary)),
    remedy: 'It needs a Go module proxy ("go env GOPROXY").',
  };
}

async function writeSchemas(tools: StepTools, cacheDir: string, folder: string): Promise<void> {
  const { program, env } = await findGo(tools, cacheDir);
  await tools.command([program, 'mod', 'download', 'k8s.io/kubernetes'], { cwd: kubernetesModule, env });
  const directory = execFileSync(program, ['list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'], {
    cwd: kubernetesModule,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  const file = join(directory.trim(), 'api/openapi-spec/swagger.json');
  mkdirSync(folder, { recursive: true });
  for (const [name, schema] of schemasByKind(JSON.parse(readFileSync(file, 'utf8'))))
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(schema));
}
