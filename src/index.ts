export type {Awaitable} from './awaitable.ts';
export {Broadcast} from './broadcast/broadcast.ts';
export {Clock, systemClock} from './clock.ts';
export {EspalierError, type ErrorCode} from './errors.ts';
export type {CookieOptions} from './http/cookie.ts';
export type {FormPart} from './http/form-parts.ts';
export {html, Html, type HtmlValue} from './http/html.ts';
export {Request, type RequestInit} from './http/request.ts';
export {requestKey, type RequestKey} from './http/request-key.ts';
export {Response} from './http/response.ts';
export type {RequestTrace} from './http/request-trace.ts';
export type {Listener, ListenOptions} from './http/server.ts';
export type {TrustProxy} from './http/trust.ts';
export {inject, injectable, multiInject, named, optional, postConstruct, preDestroy} from './inject.ts';
export type {BodyCoding} from './http/unpack.ts';
export {Logger} from './logger.ts';
export type {ResourceClass, ResourceOptions} from './resource/declarations.ts';
export type {HandlerOptions, InputOf, Misfit} from './resource/input.ts';
export {
  Use,
  type Middleware,
  type MiddlewareAnswer,
  type MiddlewareClass,
  type Next,
  type SecurityScheme,
} from './resource/middleware.ts';
export {Child, literal, Resource} from './resource/resource.ts';
export type {Sendable} from './resource/result.ts';
export {Delete, Get, Head, Options, Patch, Post, Put, Query} from './resource/verbs.ts';
export {SiteTree, type ClassView, type HandlerView, type ResourceView, type SocketView} from './resource/tree-view.ts';
export {serve, type ServeOptions} from './serve.ts';
export {
  SessionComponent,
  type ComponentClass,
  type ComponentOptions,
  type Fields,
} from './session/component/component.ts';
export type {ComponentUpdate} from './session/component/update.ts';
export type {SessionId} from './session/store/ids.ts';
export {idleDeadline, type Lifetime, type Lived} from './session/store/lifetime.ts';
export {OnExpire, type SessionEnd} from './session/end/on-expire.ts';
export type {ReadOnly} from './read-only.ts';
export type {SessionCookieOptions} from './session/visit/cookie.ts';
export {
  SessionAdmin,
  type ComponentInfo,
  type SessionDetails,
  type SessionInfo,
  type SessionPage,
  type SessionQuery,
  type UserData,
} from './session/session-admin.ts';
export {SessionService, type SessionOptions, type SignInOptions} from './session/session-service.ts';
export {
  pageOf,
  type Cabinet,
  type CabinetSteps,
  type FiledComponent,
  type FiledEnd,
  type FiledFormerId,
  type FiledSession,
  type OrderPage,
  type OrderRange,
  type SessionChange,
  type SessionOrder,
  type StepKind,
} from './session/store/cabinet.ts';
export {
  SessionStore,
  type EndCounts,
  type EndedPage,
  type EndedSession,
  type EndOutcome,
  type EndPage,
  type EndReason,
  type EndsSince,
  type EndStore,
  type FormerId,
  type ListedPage,
  type ListPage,
  type LoggedEnd,
  type NewSession,
  type Renewal,
  type SignIn,
  type SessionRecord,
  type StoredComponent,
  type Written,
} from './session/store/contract.ts';
export {sessionCorrupt} from './session/store/refusals.ts';
export {RuledStore} from './session/store/ruled.ts';
export type {EndListener} from './session/end/listeners.ts';
export type {Session} from './session/session.ts';
export type {UserSessions} from './session/user-sessions.ts';
export {TokenSource} from './session/visit/token.ts';
export {
  createSite,
  type ErrorHandler,
  type ErrorHandlerClass,
  type Site,
  type SiteError,
  type SiteOptions,
  type UpgradeOptions,
} from './site.ts';
export type {EndTrace, StoreTrace} from './tracing.ts';
export {use} from './use.ts';
export {default as createError} from 'http-errors';
export {Container, ContainerModule} from 'inversify';
