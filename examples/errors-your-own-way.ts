// Run it with `npm run example errors-your-own-way`.
import {
  Child,
  Get,
  Post,
  Resource,
  Use,
  createError,
  html,
  serve,
  type Middleware,
  type Next,
  type Request,
  type Response,
  type SiteError,
} from 'espalier';

/** What the shop itself says no to. It knows nothing of HTTP. */
class SoldOut extends Error {
  constructor(readonly article: string) {
    super(`There are no ${article} left.`);
  }
}

@Resource()
class Orders {
  @Post()
  async place(request: Request) {
    const article = (await request.form()).get('article');
    if (article === 'pears') throw new SoldOut(article);
    if (typeof article !== 'string') throw createError(422, 'Which article?', {errors: [{pointer: '/article'}]});
    return `You have ordered ${article}.`;
  }
}

/** Answers what the shop says no to. */
class ShopErrors implements Middleware {
  async handle(_request: Request, response: Response, next: Next) {
    try {
      return await next();
    } catch (error) {
      if (!(error instanceof SoldOut)) throw error;
      response.status = 409;
      return {soldOut: error.article};
    }
  }
}

@Resource()
@Use(ShopErrors)
@Child('orders', Orders)
class Shop {}

const sentences: Readonly<Record<number, string>> = {
  404: 'Diese Seite gibt es nicht.',
  405: 'Das geht hier nicht.',
};

/** The page of an error, in German, for clients that read pages. */
function page({status}: SiteError, request: Request, response: Response) {
  response.vary('Accept');
  if (!request.headers.accept?.includes('text/html')) return undefined;
  const sentence = sentences[status] ?? 'Da ist etwas schiefgegangen.';
  return html`<!doctype html><title>${status}</title><p>${request.path}: ${sentence}</p>`;
}

@Resource()
@Child('shop', Shop)
class Home {
  @Get()
  fail(): string {
    throw new Error('The password of the database is swordfish.');
  }
}

await serve(Home, {onError: page});
