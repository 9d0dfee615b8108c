export {accessLog, requestId, type AccessLogOptions} from './access-log.ts';
export {identity, sameSecret} from './authorization.ts';
export {basicAuth, type BasicAuthOptions} from './basic-auth.ts';
export {bearer, insufficientScope, type BearerOptions} from './bearer.ts';
export {compress, type Coding, type CompressOptions} from './compress.ts';
export {cors, type CorsOptions} from './cors.ts';
export {csrf, type CsrfOptions} from './csrf.ts';
export {checkPrecondition, etag, type EtagOptions, type Precondition} from './etag.ts';
export {favicon} from './favicon.ts';
export {files, type FilesOptions} from './files.ts';
export type {Allowance} from './folder.ts';
export {health, type HealthOptions} from './health.ts';
export {mount, type Fetch, type MountContext, type MountOptions} from './mount.ts';
export {openApi, type OpenApiOptions} from './open-api.ts';
export type {
  OpenApiInfo,
  OpenApiOperation,
  OpenApiParameter,
  OpenApiResponse,
  OpenApiServer,
} from './open-api-document.ts';
export {redirectTo, type RedirectToOptions} from './redirect-to.ts';
export {robots} from './robots.ts';
export {requireSignIn, returnPath, type RequireSignInOptions} from './require-sign-in.ts';
export {securityTxt, type SecurityTxtOptions} from './security-txt.ts';
export {sendFile, type SendFileOptions} from './send-file.ts';
export {virtualHosts} from './virtual-hosts.ts';
export {
  saveUploads,
  type SavedFile,
  type SavedUploads,
  type SaveUploadsOptions,
  type UploadProgress,
} from './save-uploads.ts';
export {sse, type ServerSentEvent, type ServerSentEvents, type SseOptions} from './sse.ts';
export {Socket} from '../resource/socket.ts';
export type {SocketOptions} from '../http/web-sockets.ts';
