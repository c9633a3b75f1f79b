/** The canonical order of IPv4 addresses: as numbers. */
export function compareAddresses(a: string, b: string): number {
  return numberOf(a) - numberOf(b);
}

/** Without duplicates, in canonical order. */
export function canonical(addresses: readonly string[]): string[] {
  return [...new Set(addresses)].sort(compareAddresses);
}

export function sameAddresses(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((address, index) => address === b[index]);
}

function numberOf(address: string): number {
  return address.split('.').reduce((value, octet) => value * 256 + Number(octet), 0);
}
