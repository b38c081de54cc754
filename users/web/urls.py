from django.urls import path

from users.web import one_time, views

app_name = "users"
urlpatterns = [
    path("", views.account, name="account"),
    path("sign-in/", views.SignInView.as_view(), name="sign_in"),
    path("sign-in/code/", one_time.SignInAddressView.as_view(), name="one_time_address"),
    path("sign-in/code/enter/", one_time.SignInDigitsView.as_view(), name="one_time_digits"),
    path("sign-up/", views.SignUpView.as_view(), name="sign_up"),
    path("sign-out/", views.SignOutView.as_view(), name="sign_out"),
    path("language/", views.language, name="language"),
]
