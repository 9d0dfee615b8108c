import {STATUS_CODES} from 'node:http';
import {html, type Misfit, type Request, type Response, type SiteError} from 'espalier';
import {layout} from './layout.ts';

const sentences: Readonly<Record<number, string>> = {
  401: 'Please sign in first.',
  403: 'You may not do that.',
  404: 'There is nothing here.',
  405: 'That does not work here.',
  429: 'That was too often. Please try again later.',
  503: 'The site is busy, or away. Please try again.',
};

/** An error, and what it may have besides: `createError(422, 'That is no order.', {errors})`. */
interface ToldError extends SiteError {
  readonly code?: string;
  readonly expose?: boolean;
  readonly errors?: readonly Misfit[];
}

/** The page of an error, for browsers. Other clients get a problem document. */
export function errorPage(error: ToldError, request: Request, response: Response) {
  response.vary('Accept');
  if (!request.headers.accept?.includes('text/html')) return undefined;
  const {status, errors = []} = error;
  const fields = errors.map(({pointer, detail}) => html`<li>${pointer.slice(1)}: ${detail}</li>`);
  return layout(
    String(status),
    html`<p>${ownMessage(error) ?? sentences[status] ?? 'Something went wrong.'}</p>${fields.length > 0 && html`<ul>${fields}</ul>`}`,
  );
}

/** What `createError` was told to say to visitors. An error with a code is Espalier's own, and speaks to programmers. */
function ownMessage({status, message, code, expose}: ToldError): string | undefined {
  return expose && code === undefined && message !== STATUS_CODES[status] ? message : undefined;
}
