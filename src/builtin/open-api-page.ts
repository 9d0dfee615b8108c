import {createHash} from 'node:crypto';
import {Html, html, type HtmlValue} from '../http/html.ts';
import type {OpenApiDocument, OpenApiOperation, OpenApiParameter, OpenApiResponse} from './open-api-document.ts';
import type {JsonSchema} from './open-api-schemas.ts';

const style = `
body {font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem}
article {border-top: 1px solid #8888; margin-top: 2rem}
code, pre {font: 0.9em/1.4 ui-monospace, monospace}
pre {overflow: auto; padding: 0.5rem; background: #8881}
table {border-collapse: collapse}
th, td {text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0}
`;

const styleHash = createHash('sha256').update(style).digest('base64');

/** What the page may load: its style, and nothing else. */
export const pagePolicy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** Where the document stands, and Swagger UI, where that is there. */
interface Links {
  readonly json: string;
  readonly ui: string | undefined;
}

/** The document as a page for people. It needs no script. */
export function pageOf(document: OpenApiDocument, links: Links): Html {
  const {info, paths, components} = document;
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([key, operation]) => ({path, verb: key.replace('x-', '').toUpperCase(), operation})),
  );
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${info.title}</title>
<style>${new Html(style)}</style>
<h1>${info.title} ${info.version}</h1>
${paragraph(info['description'])}
<p><a href="${links.json}">OpenAPI document</a>${links.ui !== undefined && html` · <a href="${links.ui}">Swagger UI</a>`}</p>
<nav><ul>${operations.map(
    ({path, verb, operation}) => html`
<li><a href="#${operation.operationId}"><code>${verb} ${path}</code></a> ${operation.summary}</li>`,
  )}
</ul></nav>
${operations.map(({path, verb, operation}) => articleOf(verb, path, operation, document))}
${sectionOf('Schemas', components.schemas)}
${sectionOf('Security', components.securitySchemes)}
</html>
`;
}

function articleOf(verb: string, path: string, operation: OpenApiOperation, {components}: OpenApiDocument): Html {
  const {operationId, summary, description, parameters = [], requestBody, responses, security = []} = operation;
  const guards = security.map(way => Object.keys(way).join(' and '));
  return html`<article id="${operationId}">
<h2><code>${verb} ${path}</code></h2>
${paragraph(summary)}
${paragraph(description)}
${guards.length > 0 && html`<p>Needs: ${guards.join(', or ')}.</p>`}
${
  parameters.length > 0 &&
  html`<h3>Parameters</h3>
<table><tr><th>Name<th>In<th>Type<th>Meaning</tr>
${parameters.map(rowOf)}
</table>`
}
${
  requestBody &&
  html`<h3>Body</h3>
${paragraph(requestBody.description)}
${contentOf(requestBody.content)}`
}
<h3>Answers</h3>
<table>${Object.entries(responses).map(([status, response]) => answerOf(status, response, components.responses))}
</table>
</article>
`;
}

function rowOf({name, in: place, required, description, schema}: OpenApiParameter): Html {
  const isOptional = required !== true && html`, may be left out`;
  return html`<tr><td><code>${name}</code><td>${place}${isOptional}<td>${brief(schema)}<td>${description}</tr>
`;
}

function answerOf(status: string, given: OpenApiResponse, known: Readonly<Record<string, unknown>>): Html {
  const response = '$ref' in given ? known[given.$ref.split('/').at(-1)!] : given;
  const {description, content = {}} = response as Exclude<OpenApiResponse, {$ref: string}>;
  return html`<tr><td><code>${status}</code><td>${description}<td>${contentOf(content)}</tr>
`;
}

/** Types with the same schema are shown together. */
function contentOf(content: Readonly<Record<string, {readonly schema?: JsonSchema}>>): HtmlValue {
  const byText = Map.groupBy(Object.entries(content), ([, {schema}]) => JSON.stringify(schema));
  return [...byText.values()].map(
    entries => html`<p>${entries.map(([type]) => type).join(', ')}: ${brief(entries[0]![1].schema ?? {})}</p>`,
  );
}

/** A schema in a line where that is enough, otherwise whole. */
function brief(schema: JsonSchema): Html {
  const {$ref, type, format} = schema;
  if (typeof $ref === 'string') {
    const name = $ref.split('/')[3]!;
    return html`<a href="#schemas-${name}"><code>${name}</code></a>`;
  }
  const isSimple = Object.keys(schema).every(word => word === 'type' || word === 'format');
  if (!isSimple) return html`<pre>${JSON.stringify(schema, null, 2)}</pre>`;
  const words = [type ?? 'anything', format].filter(each => typeof each === 'string');
  return html`<code>${words.join(', ')}</code>`;
}

function sectionOf(title: string, pieces: Readonly<Record<string, unknown>>): HtmlValue {
  const all = Object.entries(pieces);
  if (all.length === 0) return undefined;
  const anchor = title.toLowerCase();
  return html`<h2>${title}</h2>
${all.map(
  ([name, piece]) => html`<h3 id="${anchor}-${name}"><code>${name}</code></h3>
<pre>${JSON.stringify(piece, null, 2)}</pre>
`,
)}`;
}

function paragraph(text: unknown): HtmlValue {
  return typeof text === 'string' && html`<p>${text}</p>`;
}
