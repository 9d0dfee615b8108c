const escapes: Readonly<Record<string, string>> = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;'};

/** A piece of HTML that is safe to send: made by `` html`…` ``, whose interpolated values are escaped. */
export class Html {
  constructor(private readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** What can stand in `` html`…` ``. */
export type HtmlValue = Html | string | number | bigint | boolean | null | undefined | readonly HtmlValue[];

/**
 * HTML with every interpolated value escaped: `` html`<p>${name}</p>` ``. Another `Html` goes in as it is, an array piece
 * by piece, `undefined`, `null` and `false` as nothing. It is safe inside elements and quoted attributes; it does not make a
 * value safe inside a script, a style, an unquoted attribute or as the scheme of a link.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const pieces = values.map((value, i) => escape(value) + strings[i + 1]);
  return new Html(strings[0] + pieces.join(''));
}

function escape(value: HtmlValue): string {
  if (value instanceof Html) return value.toString();
  if (Array.isArray(value)) return value.map(escape).join('');
  if (value === undefined || value === null || value === false) return '';
  return String(value).replace(/[&<>"']/g, character => escapes[character]!);
}
