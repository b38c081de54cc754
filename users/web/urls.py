from django.urls import path

from users.web import views

app_name = "users"
urlpatterns = [
    path("", views.account, name="account"),
    path("sign-in/", views.SignInView.as_view(), name="sign_in"),
    path("sign-up/", views.SignUpView.as_view(), name="sign_up"),
    path("sign-out/", views.SignOutView.as_view(), name="sign_out"),
    path("language/", views.language, name="language"),
]
