import os
from twisted.internet import epollreactor
epollreactor.install()
from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Site


class Page(Resource):
    isLeaf = True

    def __init__(self, text):
        super().__init__()
        self.text = text

    def render_GET(self, request):
        request.setHeader(b'content-type', b'text/plain; charset=utf-8')
        return self.text(request)

    render_POST = render_GET


def touched(request):
    # Asking for it does not renew it by itself.
    session = request.getSession()
    session.touch()
    return session


def show(request):
    return b'Your session id is: ' + touched(request).uid


def count(request):
    session = touched(request)
    session.count = getattr(session, 'count', 0) + 1
    return str(session.count).encode()


def sign_in(request):
    touched(request).user = 'ada'
    return b'Welcome.'


class Members(Resource):
    def getChildWithDefault(self, name, request):
        if not hasattr(touched(request), 'user'):
            return Page(refuse)
        return super().getChildWithDefault(name, request)


def refuse(request):
    request.setResponseCode(401)
    return b'Sign in first.'


members = Members()
members.putChild(b'page', Page(lambda request: b'for members'))
root = Resource()
root.putChild(b'', Page(show))
root.putChild(b'count', Page(count))
root.putChild(b'sign-in', Page(sign_in))
root.putChild(b'members', members)
root.putChild(b'ping', Page(lambda request: b'pong'))
port = reactor.listenTCP(int(os.environ['PORT']), Site(root), interface='127.0.0.1')
print(f'Listening on http://127.0.0.1:{port.getHost().port}', flush=True)
reactor.run()
