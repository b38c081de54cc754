from django.urls import path

from analytics.admin.figures import demand, exports, pages, report

app_name = "figures"
urlpatterns = [
    path("expiry/", pages.expiry, name="expiry"),
    path("fairness/", pages.fairness, name="fairness"),
    path("demand/", demand.demand, name="demand"),
    path("campaigns/<int:campaign_id>/report/", report.campaign_report, name="report"),
    path("export/<slug:name>.csv", exports.export, name="export"),
]
