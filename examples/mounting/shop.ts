// The site that each of the other files mounts under /shop.
import {Child, Get, Post, Resource, SessionComponent, SessionService, createSite, inject} from 'espalier';
import type {Request, Response} from 'espalier';

@SessionComponent('cart')
class Cart {
  readonly articles: string[] = [];
}

@Resource()
class Articles {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async add(request: Request, response: Response) {
    const article = await request.text();
    const session = await this.sessions.getSession();
    await session.update(Cart, cart => cart.articles.push(article));
    response.redirect('./');
  }
}

@Resource()
@Child('articles', Articles)
class Shop {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    const session = await this.sessions.getSession();
    return session.get(Cart).articles;
  }
}

export const site = createSite(Shop);
