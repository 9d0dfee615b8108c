import test from 'ava';
import type {OpenApiDocument} from '../../src/builtin/open-api-document.ts';
import {pageOf, pagePolicy} from '../../src/builtin/open-api-page.ts';

const evil = '<script>alert("1")</script>';

const document: OpenApiDocument = {
  openapi: '3.1.1',
  info: {title: evil, version: '1', description: evil},
  tags: [],
  paths: {
    '/articles/{name}': {
      get: {
        operationId: 'Articles_show',
        summary: evil,
        description: evil,
        parameters: [
          {name: 'name', in: 'path', required: true, schema: {type: 'string'}, description: evil},
          {name: 'since', in: 'query', schema: {type: 'string', format: 'date-time'}},
          {name: 'which', in: 'query', schema: {enum: [evil]}},
        ],
        requestBody: {
          description: evil,
          content: {
            'application/json': {schema: {$ref: '#/components/schemas/Article'}},
            'multipart/form-data': {schema: {$ref: '#/components/schemas/Article'}},
          },
        },
        responses: {
          200: {description: evil, content: {'text/html': {}}},
          404: {$ref: '#/components/responses/NotFound'},
        },
        security: [{session: [], token: []}, {key: []}],
      },
      'x-query': {operationId: 'Articles_search', responses: {200: {description: 'Found'}}},
    },
  },
  components: {
    schemas: {Article: {title: evil}},
    responses: {NotFound: {description: 'Not there', content: {'application/problem+json': {schema: {}}}}},
    securitySchemes: {},
  },
};

const page = pageOf(document, {json: '/docs/openapi.json', ui: '/docs/ui'}).toString();

test('the page shows each operation with its parameters, its body, its answers and its guards', t => {
  for (const piece of [
    '<code>GET /articles/{name}</code>',
    '<code>QUERY /articles/{name}</code>',
    '<a href="/docs/openapi.json">',
    '<a href="/docs/ui">',
    'Needs: session and token, or key.',
    '<td><code>since</code><td>query, may be left out<td><code>string, date-time</code>',
    'application/json, multipart/form-data: <a href="#schemas-Article"><code>Article</code></a>',
    '<h3 id="schemas-Article">',
    '<td><code>404</code><td>Not there',
  ]) {
    t.true(page.includes(piece), piece);
  }
  t.false(pageOf(document, {json: '/a', ui: undefined}).toString().includes('Swagger UI'));
});

test('whatever stands in the document is text on the page, and no script runs there', t => {
  t.false(page.includes('<script'));
  t.is(page.split('&lt;script&gt;').length - 1, 11);
  t.true(pagePolicy.startsWith("default-src 'none';"));
});
