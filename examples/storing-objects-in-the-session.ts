// Run it with `npm run example storing-objects-in-the-session`.
import {
  Child,
  Get,
  Post,
  Resource,
  SessionComponent,
  SessionService,
  inject,
  serve,
  type Fields,
  type Request,
} from 'espalier';

/** Version 0 had a list of articles, one entry for each piece. */
function counted({list, ...fields}: Fields): Fields {
  const items = new Map<string, number>();
  for (const article of list as string[]) items.set(article, (items.get(article) ?? 0) + 1);
  return {...fields, items};
}

@SessionComponent('cart', {version: 1, migrate: counted})
class Cart {
  readonly items = new Map<string, number>();
  changedAt: Date | undefined;

  get count(): number {
    return [...this.items.values()].reduce((sum, quantity) => sum + quantity, 0);
  }

  add(article: string): void {
    this.items.set(article, (this.items.get(article) ?? 0) + 1);
    this.changedAt = new Date();
  }
}

@SessionComponent('notice')
class Notice {
  text = '';
}

@Resource()
class AddArticle {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async add(request: Request) {
    const session = await this.sessions.getSession();
    const article = await request.text();
    const {count} = await session.update(Cart, cart => cart.add(article));
    await session.update(Notice, notice => {
      notice.text = `${article} is in your cart.`;
    });
    return {count};
  }
}

@Resource()
class EmptyCart {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async empty() {
    const session = await this.sessions.getSession();
    return {wasThere: await session.remove(Cart)};
  }
}

@Resource()
@Child('add', AddArticle)
@Child('empty', EmptyCart)
class Shop {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    const session = await this.sessions.getSession();
    const cart = session.get(Cart);
    const notice = await session.take(Notice);
    return {count: cart.count, items: [...cart.items], notice: notice?.text};
  }
}

await serve(Shop);
