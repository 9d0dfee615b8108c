/** File systems take no longer names, in bytes. */
const longest = 255;

/** Names of devices, which Windows takes for these with any extension too (Microsoft, "Naming Files, Paths, and Namespaces"). */
const device = /^(?:con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$|clock\$)(?=\s*(?:\.|$))/i;

/** What a path, a stream of NTFS, a shell's pattern or a header is made of, and what is no character to be seen: direction marks and their like. */
const unsafe = /["*/:<>?\\|\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu;

/**
 * A name as a client gives it, so that it can be the name of a file on any system: nothing in it leads to another folder, hides the file,
 * or stands for a device. What is left of a name that was nothing else is empty.
 */
export function safeFileName(name: string): string {
  // Cut before the blanks are: to look for those at the end of a long name could take long.
  const plain = shortened(name.toWellFormed().normalize('NFC').replaceAll(unsafe, '_'));
  const bare = plain.replaceAll(/^[\s.]+|[\s.]+$/g, '');
  return bare.replace(device, '_$&').replace(/^-/, '_-');
}

/** Cut before its extension, between two characters. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= longest) return name;
  const [extension] = /\.[^.]{1,20}$/.exec(name) ?? [''];
  const room = longest - Buffer.byteLength(extension);
  let cut = '';
  let size = 0;
  for (const character of name.slice(0, name.length - extension.length)) {
    size += Buffer.byteLength(character);
    if (size > room) break;
    cut += character;
  }
  return `${cut}${extension}`;
}
