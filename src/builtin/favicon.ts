import type {ResourceClass} from '../resource/declarations.ts';
import type {Answer} from '../resource/answer.ts';
import {Get} from '../resource/verbs.ts';
import {Resource} from '../resource/resource.ts';
import {refusable} from './refusable.ts';
import {sendFile, type SendFileOptions} from './send-file.ts';

/**
 * A resource that sends the icon of a site, which browsers ask for at `/favicon.ico` where no page names another:
 * `@Child('favicon.ico', favicon('icons/site.svg'))`. `maxAge` says how long they may keep it: milliseconds, or `'1d'`, the default.
 * Throws `OPTION_INVALID`. A file that is not there is a 404.
 */
export const favicon = refusable(makeFavicon);

function makeFavicon(path: string | URL, options: Pick<SendFileOptions, 'maxAge' | 'type'> = {}): ResourceClass {
  const icon = sendFile(path, {maxAge: '1d', ...options});
  @Resource()
  class Favicon {
    @Get()
    show(): Answer {
      return icon;
    }
  }
  return Favicon;
}
