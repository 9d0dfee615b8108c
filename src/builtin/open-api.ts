import {classOf} from '../container.ts';
import {prefersHtml} from '../http/problem.ts';
import type {Html} from '../http/html.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {checkOptions, kind, method, object, required, text, type Kinds} from '../options.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {inject} from '../inject.ts';
import {Child, Resource} from '../resource/resource.ts';
import {SiteTree, type ResourceView} from '../resource/tree-view.ts';
import {Get} from '../resource/verbs.ts';
import {SessionService} from '../session/session-service.ts';
import {refusable} from './refusable.ts';
import {
  documentOf,
  type Describe,
  type OpenApiDocument,
  type OpenApiInfo,
  type OpenApiServer,
  type Written,
} from './open-api-document.ts';
import {pageOf, pagePolicy} from './open-api-page.ts';
import {findSwaggerUi, SwaggerUi} from './open-api-ui.ts';

/** What a document of OpenAPI says besides what the tree does. */
export interface OpenApiOptions {
  /** The `title` of the API, its `version`, and what else OpenAPI has there. */
  readonly info: OpenApiInfo;
  /** Where it is served: `[{url: 'https://shop.example'}]`. Default: where the document is. */
  readonly servers?: readonly OpenApiServer[];
  /** Changes an operation: gives it a summary, say. What it gives is taken instead; nothing leaves the operation out. */
  readonly describe?: Describe;
  /**
   * Of what `virtualHosts()` gives to several hosts, that of this one is described: `'shop.example.org'`. Default: that of all hosts, each
   * operation with the server of its host; of two for one path the first one.
   */
  readonly host?: string;
}

const isTitled = (value: unknown): boolean =>
  object.fits(value) && ['title', 'version'].every(name => typeof (value as OpenApiInfo)[name] === 'string');

const openApiKinds: Kinds<OpenApiOptions> = {
  info: required(kind('an object with a title and a version', isTitled)),
  servers: kind(
    'a list of objects with a url',
    value => Array.isArray(value) && value.every(each => typeof Object(each).url === 'string'),
  ),
  describe: method,
  host: text,
};

/**
 * A resource that describes the one that it is a child of, with all below: as a document of OpenAPI 3.1, as a page, and by Swagger UI
 * where `swagger-ui-dist` is installed. The document is made of the tree, the schemas and the guards, once, when the site is built.
 * What JSON Schema can't express is left open, and told to the log. Throws `OPTION_INVALID`.
 */
export const openApi = refusable(makeOpenApi);

function makeOpenApi(options: OpenApiOptions): ResourceClass {
  checkOptions('openApi()', options, openApiKinds);
  @Resource()
  class OpenApi extends Docs {
    static readonly options = options;
  }
  return OpenApi;
}

/** What `openApi` gives. */
interface DocsClass extends ResourceClass {
  readonly options: OpenApiOptions;
}

abstract class Docs {
  #written: Written | undefined;

  constructor(
    @inject(SiteTree) private readonly tree: SiteTree,
    @inject(SessionService) private readonly sessions: SessionService,
  ) {}

  get written(): Written {
    return (this.#written ??= documentBy(this.#class, this.tree.root, this.sessions.cookieName));
  }

  get #class(): DocsClass {
    return classOf(this) as DocsClass;
  }

  @Get()
  show(request: Request, response: Response): OpenApiDocument | Html {
    response.vary('Accept');
    const document = this.#served(request);
    if (!prefersHtml(request)) return document;
    response.setHeader('Content-Security-Policy', pagePolicy);
    const here = request.mountPath + request.path;
    return pageOf(document, {json: `${here}/openapi.json`, ui: findSwaggerUi() && `${here}/ui`});
  }

  @Child('openapi.json', () => Served)
  json(_segment: string, request: Request): Served {
    return new Served(this.#served(request));
  }

  @Child('ui', SwaggerUi)
  ui(): SwaggerUi | undefined {
    const folder = findSwaggerUi();
    return folder === undefined ? undefined : new SwaggerUi(folder, this.#class.options.info.title);
  }

  /** Below a mount path the paths of the tree begin there. */
  #served({mountPath}: Request): OpenApiDocument {
    return served(
      this.written.document,
      this.#class.options.servers ?? (mountPath === '' ? undefined : [{url: mountPath}]),
    );
  }
}

function served({openapi, ...rest}: OpenApiDocument, servers: OpenApiOptions['servers']): OpenApiDocument {
  return {openapi, ...(servers && {servers}), ...rest};
}

@Resource()
class Served {
  constructor(private readonly document: OpenApiDocument) {}

  @Get()
  show(): OpenApiDocument {
    return this.document;
  }
}

/** Whether a class is what `openApi()` gives. */
export function isOpenApi(type: Function): boolean {
  return type.prototype instanceof Docs;
}

function documentBy(docs: DocsClass, root: ResourceView, cookie: string): Written {
  const {info, describe, host} = docs.options;
  return documentOf({root, docs, isDocs: isOpenApi, info, cookie, describe, host});
}

/** The documents that are shown somewhere in a tree, as they are served where no path is cut off before. */
export function documentsIn(root: ResourceView, cookie: string): readonly Written[] {
  return [...new Set(docsIn(root))].map(docs => {
    const {document, warnings} = documentBy(docs, root, cookie);
    return {document: served(document, docs.options.servers), warnings};
  });
}

function docsIn({type, children}: ResourceView): readonly DocsClass[] {
  return isOpenApi(type) ? [type as DocsClass] : children.flatMap(docsIn);
}

/** The document of a whole tree that shows none itself. */
export function documentOfAll(root: ResourceView, cookie: string, info: OpenApiInfo): Written {
  return documentOf({root, docs: undefined, isDocs: isOpenApi, info, cookie, describe: undefined, host: undefined});
}

/** What could not be said in some documents. */
export function warningsOf(written: readonly Written[]): readonly string[] {
  return [...new Set(written.flatMap(one => one.warnings))];
}

/** What could not be said in the documents of these, which are made now. */
export function warningsOfOpenApi(docs: readonly object[]): readonly string[] {
  return warningsOf(docs.map(one => (one as Docs).written));
}
