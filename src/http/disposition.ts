/**
 * The value of `Content-Disposition` that has a browser save what is sent, under this name (RFC 6266). A path in front of it is left
 * out. Who does not know `filename*` gets question marks in place of what is not ASCII (RFC 8187).
 */
export function attachment(name: string): string {
  const plain = lastPart(name.toWellFormed())
    .replace(/[\p{Cc}\p{Bidi_Control}]/gu, '')
    .trim();
  if (plain === '') return 'attachment';
  const ascii = plain.replace(/[^\x20-\x7e]/gu, '?');
  const quoted = `attachment; filename="${ascii.replace(/["\\]/g, '\\$&')}"`;
  // Some decode a percent sign in the plain form too.
  return ascii === plain && !plain.includes('%') ? quoted : `${quoted}; filename*=UTF-8''${encoded(plain)}`;
}

function lastPart(name: string): string {
  return name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
}

function encoded(name: string): string {
  return encodeURIComponent(name).replace(/['()*]/g, mark => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}
