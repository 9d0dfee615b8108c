import {html, type Html} from 'espalier';

/** A page of this site. What is put into it is escaped. */
export function layout(title: string, content: Html): Html {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>
    <link rel="stylesheet" href="/assets/site.css">
    <script type="module" src="/assets/passkeys.js"></script>
  </head>
  <body>
    <nav><a href="/">Home</a> <a href="/account">Account</a></nav>
    <main><h1>${title}</h1>${content}</main>
  </body>
</html>
`;
}
