from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required, user_passes_test
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST


def live_orders(request):
    return render(request, "screens/live_orders.html", {"keys": settings.SCREEN_KEYS})


def health(request):
    return HttpResponse("ok", content_type="text/plain")


@login_required
def me(request):
    """A page with two sockets: one by the session, one by a ticket that usher issues to this user."""
    response = render(request, "screens/me.html")
    response["Usher-User"] = f'"{request.user.pk}"'
    return response


@require_POST
@user_passes_test(lambda user: user.is_staff)
def ban(request, user):
    """Ends an account. usher closes the user's sockets when it sees the header, which no client gets."""
    get_user_model().objects.filter(pk=user).update(is_active=False)
    response = HttpResponse("banned", content_type="text/plain")
    response["Usher-Close"] = f'user="{user}";code=4403;reason="banned"'
    return response
