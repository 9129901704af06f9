{
  imports = [ ../../users ];
  networking.hostName = "web";
}
