from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render


def live_orders(request):
    return render(request, "screens/live_orders.html", {"keys": settings.SCREEN_KEYS})


def health(request):
    return HttpResponse("ok", content_type="text/plain")
