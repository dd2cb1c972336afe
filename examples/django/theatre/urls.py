from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from screens import views

urlpatterns = [
    path("", views.live_orders),
    path("health/", views.health),
    path("login/", LoginView.as_view(template_name="screens/login.html")),
    path("logout/", LogoutView.as_view()),
    path("me/", views.me),
    path("ban/<int:user>/", views.ban),
]
