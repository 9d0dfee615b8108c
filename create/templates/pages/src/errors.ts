import {html, type Request, type Response, type SiteError} from 'espalier';
import {layout} from './layout.ts';

const sentences: Readonly<Record<number, string>> = {
  403: 'You may not do that.',
  404: 'There is nothing here.',
  405: 'That does not work here.',
  503: 'The site is busy, or away. Please try again.',
};

/** The page of an error, for browsers. Other clients get a problem document. */
export function errorPage({status}: SiteError, request: Request, response: Response) {
  response.vary('Accept');
  if (!request.headers.accept?.includes('text/html')) return undefined;
  return layout(String(status), html`<p>${sentences[status] ?? 'Something went wrong.'}</p>`);
}
