# Without a provider: one process of the AWS CLI per share. Terraform never notices that a share was revoked.
resource "terraform_data" "share" {
  for_each = jsondecode(file("${path.module}/shares.json"))
  input    = each.value

  provisioner "local-exec" {
    command = join(" ", [
      "aws workspaces update-workspace-image-permission --region ${self.input.region}",
      "--image-id ${self.input.image_id} --shared-account-id ${self.input.account} --allow-copy-image",
    ])
  }

  provisioner "local-exec" {
    when = destroy
    command = join(" ", [
      "aws workspaces update-workspace-image-permission --region ${self.input.region}",
      "--image-id ${self.input.image_id} --shared-account-id ${self.input.account} --no-allow-copy-image",
    ])
  }
}
