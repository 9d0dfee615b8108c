import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {html, type Html} from '../http/html.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {folderOf} from '../peer.ts';
import {Child, Resource} from '../resource/resource.ts';
import {Get} from '../resource/verbs.ts';

/** The folder of Swagger UI; nothing where it is not installed. */
export function findSwaggerUi(): string | undefined {
  return folderOf('swagger-ui-dist');
}

/** What is served of that folder, and nothing else. */
const types: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

/** A page may have no script of its own under the policy, so ours is a file. A validator would be asked on another host. */
const start = `const {url} = document.getElementById('ui').dataset;
SwaggerUIBundle({url, dom_id: '#ui', validatorUrl: null, deepLinking: true});
`;

/** What the page may load: what comes from this site. Swagger UI sets styles, and has images in them. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** A file of the page. */
@Resource()
class UiFile {
  constructor(
    private readonly type: string,
    private readonly read: () => Promise<Uint8Array> | string,
  ) {}

  @Get()
  async show(_request: Request, response: Response): Promise<Uint8Array | string> {
    response.setHeader('Content-Type', this.type);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Cache-Control', 'private, max-age=3600');
    return this.read();
  }
}

/** Swagger UI, served from the files of its package. */
@Resource()
export class SwaggerUi {
  constructor(
    private readonly folder: string,
    private readonly title: string,
  ) {}

  @Get()
  show(request: Request, response: Response): Html {
    response.setHeader('Content-Security-Policy', policy);
    const here = request.mountPath + request.path;
    return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${this.title}</title>
<link rel="stylesheet" href="${here}/swagger-ui.css">
<div id="ui" data-url="${here.replace(/\/ui$/, '/openapi.json')}"></div>
<script src="${here}/swagger-ui-bundle.js"></script>
<script src="${here}/start.js"></script>
</html>
`;
  }

  @Child('start.js', UiFile)
  start(): UiFile {
    return new UiFile(types['swagger-ui-bundle.js']!, () => start);
  }

  @Child(':file', UiFile)
  file(name: string): UiFile | undefined {
    if (!Object.hasOwn(types, name)) return undefined;
    return new UiFile(types[name]!, () => readFile(join(this.folder, name)));
  }
}
