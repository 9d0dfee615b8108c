import {classOf} from '../container.ts';
import {prefersHtml} from '../http/problem.ts';
import type {Html} from '../http/html.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {checkOptions, kind, method, object, required, type Kinds} from '../options.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {inject} from '../inject.ts';
import {Child, Resource} from '../resource/resource.ts';
import {SiteTree} from '../resource/tree-view.ts';
import {Get} from '../resource/verbs.ts';
import {SessionService} from '../session/session-service.ts';
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
};

/**
 * A resource that describes the one that it is a child of, with all below: as a document of OpenAPI 3.1, as a page, and by Swagger UI
 * where `swagger-ui-dist` is installed. The document is made of the tree, the schemas and the guards, once, when the site is built.
 * What JSON Schema can't express is left open, and told to the log. Throws `OPTION_INVALID`.
 */
export function openApi(options: OpenApiOptions): ResourceClass {
  checkOptions('openApi()', options, openApiKinds);
  @Resource()
  class OpenApi extends Docs {
    protected readonly options = options;
  }
  return OpenApi;
}

abstract class Docs {
  protected abstract readonly options: OpenApiOptions;
  #written: Written | undefined;

  constructor(
    @inject(SiteTree) private readonly tree: SiteTree,
    @inject(SessionService) private readonly sessions: SessionService,
  ) {}

  get written(): Written {
    const {info, describe} = this.options;
    const docs = classOf(this) as ResourceClass;
    const {root} = this.tree;
    const cookie = this.sessions.cookieName;
    return (this.#written ??= documentOf({root, docs, isDocs: isOpenApi, info, cookie, describe}));
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
    return folder === undefined ? undefined : new SwaggerUi(folder, this.options.info.title);
  }

  /** Below a mount path the paths of the tree begin there. */
  #served({mountPath}: Request): OpenApiDocument {
    const {openapi, ...rest} = this.written.document;
    const servers = this.options.servers ?? (mountPath === '' ? undefined : [{url: mountPath}]);
    return {openapi, ...(servers && {servers}), ...rest};
  }
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

/** What could not be said in the documents of these, which are made now. */
export function warningsOfOpenApi(docs: readonly object[]): readonly string[] {
  return [...new Set(docs.flatMap(one => (one as Docs).written.warnings))];
}
