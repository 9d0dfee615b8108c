import {optionInvalid} from '../options.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {Get} from '../resource/verbs.ts';
import {Resource} from '../resource/resource.ts';
import {refusable} from './refusable.ts';

/**
 * A resource that gives crawlers this text (RFC 9309): `@Child('robots.txt', robots('User-agent: *\nDisallow: /cart\n'))`. Crawlers keep
 * to it if they like: it guards nothing, and it tells everybody the paths that are in it. Throws `OPTION_INVALID` for what is no text.
 */
export const robots = refusable(makeRobots);

function makeRobots(rules: string): ResourceClass {
  if (typeof rules !== 'string') throw optionInvalid('robots(): the rules must be a text.');
  @Resource()
  class Robots {
    @Get()
    show(): string {
      return rules;
    }
  }
  return Robots;
}
