import {createHash} from 'node:crypto';
import type {IncomingMessage, ServerResponse} from 'node:http';
import {html} from '../http/html.ts';
import {placeOf, type Failure} from './failure.ts';

/** By this header the page asks whether there is something else by now. */
const asks = 'espalier-dev';

/** Where no network is, it asks again after a second. Whatever is answered, the page is not what is there any more. */
const script = `(async () => {
  for (;;) {
    try {
      await fetch(location.href, {method: 'HEAD', cache: 'no-store', headers: {'Espalier-Dev': 'wait'}});
      break;
    } catch {
      await new Promise(resolve => setTimeout(resolve, 1000));
    }
  }
  if (document.documentElement.dataset.method === 'GET') location.reload();
  else location.replace(location.href);
})();`;

const style = `
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
  pre { background: #1c1f24; border-radius: 6px; color: #e6e6e6; overflow: auto; padding: 1rem; }
  code { color: #b3261e; }`;

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const policy = `default-src 'none'; connect-src 'self'; style-src ${hashOf(style)}; script-src ${hashOf(script)}`;

/** Answers in a program's place while it does not run. The page looks by itself for what comes after it. */
export class FailurePage {
  readonly #waiting = new Set<ServerResponse>();
  #failure: Failure | undefined;

  /** What is wrong now; nothing where nothing is. Whoever waits learns that something has changed. */
  show(failure: Failure | undefined): void {
    this.#failure = failure;
    for (const answer of this.#waiting) answer.writeHead(204, {Connection: 'close'}).end();
    this.#waiting.clear();
  }

  readonly answer = (request: IncomingMessage, answer: ServerResponse): void => {
    request.resume();
    if (request.headers[asks] !== undefined) return this.#keepWaiting(answer);
    const page = pageOf(this.#failure, request.method ?? 'GET');
    answer.writeHead(500, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': policy,
      'Cache-Control': 'no-store',
      Connection: 'close',
    });
    answer.end(request.method === 'HEAD' ? undefined : page);
  };

  #keepWaiting(answer: ServerResponse): void {
    this.#waiting.add(answer);
    answer.once('close', () => this.#waiting.delete(answer));
  }
}

function pageOf(failure: Failure | undefined, method: string): string {
  const {message = 'The program does not run.', frame = '', stack = ''} = failure ?? {};
  const place = failure && placeOf(failure);
  const page = html`<!doctype html>
<html lang="en" data-method="${method}">
<meta charset="utf-8">
<title>The program does not run</title>`;
  // These two are what the policy knows them by.
  const head = `<style>${style}</style><script>${script}</script>`;
  const body = html`
<h1>The program does not run</h1>
<p>${message}</p>
${place && html`<p><code>${place}</code></p>`}
${frame && html`<pre>${frame}</pre>`}
${stack && html`<details><summary>Stack</summary><pre>${stack}</pre></details>`}
<p>This page comes back by itself when that has changed.</p>
</html>
`;
  return `${page.toString()}${head}${body.toString()}`;
}
