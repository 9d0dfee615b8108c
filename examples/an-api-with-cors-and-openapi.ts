// Run it with `npm run example an-api-with-cors-and-openapi`, and open http://localhost:8080/api/docs in a browser.
import {
  Child,
  ContainerModule,
  Delete,
  Get,
  Post,
  Resource,
  Use,
  createError,
  inject,
  serve,
  type InputOf,
  type Middleware,
  type Next,
  type Request,
  type Response,
} from 'espalier';
import {cors, openApi, type OpenApiOptions} from 'espalier/builtin';
import {z} from 'zod';

/** With an id, it stands among the components of the document by this name. */
const Article = z
  .object({name: z.string().min(1), price: z.number().positive().describe('In euros.')})
  .meta({id: 'Article'});
const Listed = z.object({articles: z.array(Article)}).meta({description: 'The articles, in order of their names.'});

const list = {
  query: z.object({most: z.coerce.number().int().min(1).max(100).default(10).describe('How many to list at most.')}),
  result: Listed,
};
const add = {body: Article, status: 201, result: Article};

class Stock {
  readonly articles = new Map([['apple', {name: 'apple', price: 0.4}]]);
}

/** Lets those pass who know the token. An application looks it up. */
class TokenGuard implements Middleware {
  static readonly security = {token: {type: 'http', scheme: 'bearer'}} as const;

  handle(request: Request, _response: Response, next: Next) {
    if (request.headers.authorization === 'Bearer let-me-in') return next();
    throw createError(401, 'Send a token.', {headers: {'WWW-Authenticate': 'Bearer'}});
  }
}

@Resource()
class OneArticle {
  constructor(
    private readonly stock: Stock,
    private readonly name: string,
  ) {}

  @Get({result: Article})
  show() {
    return this.stock.articles.get(this.name)!;
  }

  @Delete({status: 204})
  @Use(TokenGuard)
  remove() {
    this.stock.articles.delete(this.name);
  }
}

@Resource()
class Articles {
  constructor(@inject(Stock) private readonly stock: Stock) {}

  @Get(list)
  list({query}: InputOf<typeof list>) {
    const all = [...this.stock.articles.values()];
    return {articles: all.toSorted((one, other) => one.name.localeCompare(other.name)).slice(0, query.most)};
  }

  @Post(add)
  @Use(TokenGuard)
  add({body}: InputOf<typeof add>) {
    if (this.stock.articles.has(body.name)) throw createError(409, 'There is one by this name.');
    this.stock.articles.set(body.name, body);
    return body;
  }

  @Child(':name', OneArticle)
  find(name: string) {
    return this.stock.articles.has(name) ? new OneArticle(this.stock, name) : undefined;
  }
}

/** What the tree does not tell. */
const describe: OpenApiOptions['describe'] = (operation, {method}) => {
  if (method !== 'Articles.add()') return operation;
  const content = {'application/problem+json': {schema: {$ref: '#/components/schemas/Problem'}}};
  const responses = {...operation.responses, 409: {description: 'There is one by this name.', content}};
  return {...operation, summary: 'Put an article on sale', responses};
};

@Resource()
@Use(cors({origins: ['https://app.example']}))
@Child('articles', Articles)
@Child('docs', openApi({info: {title: 'Shop', version: '1'}, describe}))
class Api {}

@Resource()
@Child('api', Api)
class Shop {
  @Get()
  welcome() {
    return 'The shop. Its API is described at /api/docs.';
  }
}

const stock = new ContainerModule(({bind}) => {
  bind(Stock).toSelf().inSingletonScope();
});

await serve(Shop, {modules: [stock]});
