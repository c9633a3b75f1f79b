/**
 * Garbage is given back once nothing has happened for a while, and again and again until something does (a program
 * that only looks whether all is well makes some too): V8 would keep it until it needs the room. Where the collector is
 * not to be had (the sources run without their starter) nothing happens.
 */
export function collectAtRest(restMs: number): () => void {
  let resting: NodeJS.Timeout | undefined;
  return () => {
    clearInterval(resting);
    resting = setInterval(() => globalThis.gc?.(), restMs).unref();
  };
}
