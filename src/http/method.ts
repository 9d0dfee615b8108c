const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY', 'TRACE']);

/** Whether a method asks for no change (RFC 9110, section 9.2.1; RFC 10008 for QUERY). */
export function isSafe(method: string): boolean {
  return safe.has(method);
}

/** Whether a method asks for what is there, so that a client may have it already (RFC 9110, section 13.1). */
export function isRetrieval(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}
