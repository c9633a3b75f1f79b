/**
 * Garbage is given back once nothing has happened for a while: V8 keeps it until it needs the room, and a program that
 * rests needs none. Where the collector is not to be had (the sources run without their starter) nothing happens.
 */
export function collectAtRest(restMs: number): () => void {
  let resting: NodeJS.Timeout | undefined;
  return () => {
    clearTimeout(resting);
    resting = setTimeout(() => globalThis.gc?.(), restMs).unref();
  };
}
