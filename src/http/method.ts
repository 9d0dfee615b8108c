const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY', 'TRACE']);

/** Whether a method asks for no change (RFC 9110, section 9.2.1; RFC 10008 for QUERY). */
export function isSafe(method: string): boolean {
  return safe.has(method);
}
