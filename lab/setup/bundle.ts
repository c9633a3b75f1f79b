/**
 * Bundles the product's programs into dist/, as an image holds them: <program>.js starts <program>.bundle.js, which
 * is all of it and takes half the memory of running the sources. `node lab/setup/bundle.ts` or `bundle()`.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { bundleName, fillCompileCache, writeStarter } from './starter.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const programs = ['controller', 'bgp-sidecar', 'node-router'];

/** CommonJS packages in the bundle call require(), which an ES module does not have. */
const banner = `import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);`;

/** zod brings its messages in forty languages; ours are our own, in English. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup({ onLoad }) {
    onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

/**
 * An ES import of node:http evaluates every export of it, and one of them (WebSocket) loads undici: 13 MB of memory.
 * Taken as an object, what is not used is not loaded.
 */
const leanHttp: Plugin = {
  name: 'lean-http',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?https?$/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path: path.replace('node:', ''), namespace: 'builtin' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

/** prom-client's push gateway and cluster registry are not used; they load TLS: 10 MB of memory. */
const metricsOnly: Plugin = {
  name: 'metrics-only',
  setup({ onLoad }) {
    onLoad({ filter: /prom-client\/lib\/(pushgateway|cluster)\.js$/ }, () => ({
      contents: 'module.exports = undefined;',
    }));
  },
};

export interface Bundled {
  program: string;
  file: string;
  bytes: number;
}

/** Programs that do not exist yet are passed over. Throws with esbuild's own message when one cannot be bundled. */
export async function bundle(
  directory = join(root, 'dist'),
  wanted: readonly string[] = programs,
): Promise<Bundled[]> {
  const bundled: Bundled[] = [];
  for (const program of wanted) {
    const source = join(root, program, 'main.ts');
    if (!existsSync(source)) continue;
    const file = join(directory, bundleName(program));
    removeChunks(directory, program);
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: [{ in: source, out: bundleName(program).replace(/\.js$/, '') }],
      outdir: directory,
      bundle: true,
      // what is imported when it is needed (a kubeconfig's authentication) is a file of its own: its text takes memory
      splitting: true,
      chunkNames: `${program}.[name]-[hash]`,
      platform: 'node',
      format: 'esm',
      target: 'node24',
      // a native module: it stays beside the bundle in node_modules
      external: ['netlink'],
      banner: { js: banner },
      plugins: [englishOnly, leanHttp, metricsOnly],
      // the text stays in memory; names stay, for the stack of an error in a log
      minifyWhitespace: true,
      minifySyntax: true,
      metafile: true,
      logLevel: 'warning',
    });
    writeStarter(directory, program);
    bundled.push({ program, file, bytes: metafile.outputs[relative(root, file)]?.bytes ?? 0 });
  }
  await fillCompileCache(
    directory,
    bundled.map(({ program }) => program),
  );
  return bundled;
}

/** Those of former contents: their names change with what is in them. */
function removeChunks(directory: string, program: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory))
    if (name.startsWith(`${program}.`) && /-[A-Z0-9]{8}\.js$/.test(name)) rmSync(join(directory, name));
}

if (import.meta.main) {
  for (const { program, file, bytes } of await bundle()) {
    console.log(`${program}: ${relative(root, file)}, ${Math.round(bytes / 1024)} KiB`);
  }
}
