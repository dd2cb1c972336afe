from django.urls import path

from screens import views

urlpatterns = [path("", views.live_orders), path("health/", views.health)]
